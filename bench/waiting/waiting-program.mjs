// Callers that wait, in a thread or a process of their own: a worker with workerData, or node waiting-program.mjs <policy as JSON> <callers>
// with a channel. Says 'waits' when they do, and answers every message with the times at which they went on, ms.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../dist/index.js'

/** Long enough for the first look to be over. */
const SETTLE_MS = 30

const [policy, callers] = isMainThread ? [JSON.parse(process.argv[2]), Number(process.argv[3])] : []
const limiter = isMainThread ? new RateLimiter(policy) : RateLimiter.from(workerData.handle)
const say = isMainThread ? (value) => process.send(value) : (value) => parentPort.postMessage(value)
const admittedAt = []

for (let i = 0; i < (callers ?? workerData.callers); i++)
  limiter.acquire().then(() => admittedAt.push(performance.now()))
const port = isMainThread ? process : parentPort
port.on('message', () => say(admittedAt.splice(0)))
setTimeout(() => say('waits'), SETTLE_MS)
