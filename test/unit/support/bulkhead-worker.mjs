// A thread that takes slots of a bulkhead as it is told, and ends as it is told.
import { parentPort, workerData } from 'node:worker_threads'
import { Bulkhead, bulkhead } from '../../../dist/index.js'

const { handle, options, runs = 0, end, gate } = workerData
const policy = handle === undefined ? bulkhead(options) : Bulkhead.from(handle)
const never = () => new Promise(() => undefined)

for (let i = 0; i < runs; i++) {
  void policy.execute(() => {
    parentPort.postMessage('started')
    return never()
  })
}
parentPort.on('message', async (message) => {
  if (message === 'end') {
    if (end === 'exit') process.exit(0)
    if (end === 'throw') throw new Error('planned')
    // Whatever is left of the thread is the wait for a slot.
    parentPort.unref()
  }
  if (typeof message === 'object') {
    policy.update(message)
    parentPort.postMessage('changed')
  }
  if (message === 'call and stop') {
    const runs = [1, 2].map((call) => policy.execute(() => `served ${call}`))
    parentPort.postMessage('stops')
    Atomics.wait(gate, 0, 0)
    runs.push(policy.execute(() => 'served 3'))
    for (const run of runs) void run.then((told) => parentPort.postMessage(told))
  }
  if (message === 'call') parentPort.postMessage(await policy.execute(() => 'served'))
})
parentPort.postMessage('ready')
