// A process, or a thread, whose callers wait for a limit of the machine all the time, and some of which give up. Notes in a file what each was
// given and when; a message blocks its event loop for so many ms. argv or workerData: { policy, file, callers, originNs }
import { openSync, writeSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../dist/index.js'
import { watchDecisions } from '../support/decisions.mjs'

const task = isMainThread ? JSON.parse(process.argv[2]) : workerData
const { policy, file, callers } = task
const [port, say] = isMainThread
  ? [process, (value) => process.send(value)]
  : [parentPort, (value) => parentPort.postMessage(value)]
const acquire = watchDecisions(BigInt(task.originNs))
const limiter = new RateLimiter(policy)
const fd = openSync(file, 'a')

async function caller(number) {
  for (let i = number; ; i++) {
    const controller = new AbortController()
    const limit = i % 3 === 0 ? setTimeout(() => controller.abort(), 20 + (i % 50)) : undefined
    const { signal } = controller
    const granted = await acquire(limiter, 1 + (i % 3), { signal }).catch(() => null)
    clearTimeout(limit)
    // One write of so few bytes to the end of a file is whole, whoever else writes.
    if (granted !== null) writeSync(fd, Float64Array.of(granted.tokens, granted.from, granted.to))
  }
}
for (let number = 0; number < callers; number++) void caller(number)

port.on('message', (blockMs) => {
  const untilMs = performance.now() + blockMs
  while (performance.now() < untilMs);
})
say('waits')
