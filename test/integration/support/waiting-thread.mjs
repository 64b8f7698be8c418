// A thread whose callers wait for a shared limit. It tells between which two readings of the kernel's clock each of them was admitted:
// the line decides by a reading of its own, taken in between.
import { parentPort, workerData } from 'node:worker_threads'
import { RateLimiter } from '../../../dist/index.js'
import { GRANTED } from '../../../dist/rate-limit/granted.js'
import { WaitQueue } from '../../../dist/rate-limit/wait-queue.js'
import { NativeBucket } from '../../../dist/memory/bucket/native.js'
import { TwinBucket } from '../../../dist/memory/bucket/twin.js'

const { handle, costs, atOnce, forMs, originNs } = workerData
const nowMs = () => Number(process.hrtime.bigint() - originNs) / 1e6

/** Of the look under way, or the last one: before its first survey of the bucket, and after its last. */
const look = { fromMs: 0, toMs: 0 }
for (const { prototype } of [NativeBucket, TwinBucket]) {
  const { beginLook, survey } = prototype
  prototype.beginLook = function () {
    look.fromMs = nowMs()
    beginLook.call(this)
  }
  prototype.survey = function () {
    const axis = survey.call(this)
    look.toMs = nowMs()
    return axis
  }
}
/** When those were admitted who have not gone on yet. */
const decisions = []
const { countWait } = WaitQueue.prototype
WaitQueue.prototype.countWait = function (startedMs) {
  decisions.push([look.fromMs, look.toMs])
  countWait.call(this, startedMs)
}

const limiter = RateLimiter.from(handle)
const grants = []
const untilMs = nowMs() + forMs

async function caller(index) {
  for (let i = index; nowMs() < untilMs; i++) {
    const tokens = costs[i % costs.length]
    const beforeMs = nowMs()
    const wait = limiter.acquire(tokens)
    const afterMs = nowMs()
    await wait
    const [from, to] = wait === GRANTED ? [beforeMs, afterMs] : decisions.shift()
    grants.push({ tokens, from, to })
  }
}

await Promise.all(Array.from({ length: atOnce }, (_, index) => caller(index)))
parentPort.postMessage(grants)
