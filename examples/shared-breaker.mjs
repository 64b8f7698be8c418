// Two workers and the main thread share one circuit breaker, because they name it alike: failures in one worker open it for all, and
// a worker that is killed in the middle of a probe holds nobody up.
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { circuitBreaker } from 'amorsize'

// Every thread evaluates this line, and all of them get the same breaker.
const breaker = circuitBreaker({ name: 'orders-api', failureThreshold: 3, successThreshold: 1, resetTimeoutMs: 300 })

const startedMs = isMainThread ? Date.now() : workerData.startedMs
const say = (who, what) => console.log(`${String(Date.now() - startedMs).padStart(5)} ms  ${who.padEnd(8)}  ${what}`)
const outcome = (call) => call.then((value) => `answered ${value}`, (error) => `${error.code ?? 'failed'}: ${error.message}`)

if (isMainThread) {
  const heard = []
  breaker.on('open', () => (heard.push('open'), say('main', 'hears: open')))
  breaker.on('halfOpen', () => (heard.push('halfOpen'), say('main', 'hears: half-open')))
  breaker.on('close', () => (heard.push('close'), say('main', 'hears: closed')))
  const start = (name) => new Worker(new URL(import.meta.url), { workerData: { name, startedMs } })
  const workers = [start('worker 1'), start('worker 2')]
  const tell = (worker, what) => {
    const answer = new Promise((resolve) => worker.once('message', resolve))
    worker.postMessage(what)
    return answer
  }
  const results = []

  results.push(await tell(workers[0], 'fail three times'))
  await sleep(20)
  say('main', `sees the breaker ${breaker.state}`)
  results.push(await tell(workers[1], 'call'))
  await sleep(300)
  results.push(await tell(workers[0], 'hang'))
  results.push(await tell(workers[1], 'call'))
  await workers[0].terminate()
  say('main', 'has killed worker 1, which held the only probe')
  results.push(await tell(workers[1], 'call'))
  await sleep(20)
  say('main', `sees the breaker ${breaker.state}`)
  await workers[1].terminate()

  const expected = [/failed/, /ERR_CIRCUIT_OPEN/, /hanging/, /ERR_CIRCUIT_OPEN/, /answered 42/]
  if (!expected.every((pattern, index) => pattern.test(results[index])) || breaker.state !== 'closed' || heard.at(-1) !== 'close') process.exitCode = 1
} else {
  const { name } = workerData
  const commands = {
    'fail three times': async () => {
      let last
      for (let i = 0; i < 3; i++) say(name, (last = await outcome(breaker.execute(() => Promise.reject(new Error('the server is down'))))))
      return last
    },
    call: async () => {
      const result = await outcome(breaker.execute(() => 42))
      say(name, result)
      return result
    },
    hang: () => {
      breaker.execute(() => new Promise(() => undefined)).catch(() => undefined)
      say(name, 'probes, and hangs')
      return 'hanging'
    },
  }
  parentPort.on('message', async (what) => parentPort.postMessage(await commands[what]()))
}
