// A thread that does with its breaker what it is told, and answers with the outcome.
import { parentPort, workerData } from 'node:worker_threads'
import { CircuitBreaker, circuitBreaker } from '../../../dist/index.js'

const { handle, options, listen } = workerData
const breaker = handle === undefined ? circuitBreaker(options) : CircuitBreaker.from(handle)
const outcome = (promise) => promise.catch((error) => error.code ?? error.message)

const commands = {
  fail: () => outcome(breaker.execute(() => Promise.reject(new Error('down')))),
  succeed: () => outcome(breaker.execute(() => 'up')),
  state: () => breaker.state,
  update: (change) => {
    breaker.update(change)
    return 'updated'
  },
  hang: () => {
    breaker.execute(() => new Promise(() => undefined)).catch(() => undefined)
    return 'hanging'
  },
}

if (listen) breaker.on('open', () => undefined)
else {
  parentPort.on('message', async (message) => {
    const [command, ...args] = [message].flat()
    parentPort.postMessage(await commands[command](...args))
  })
}
