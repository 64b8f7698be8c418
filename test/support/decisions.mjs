// Tells between which two readings of the kernel's clock callers of this thread were admitted: a line decides by a reading of its own, taken in
// between. To be imported before any limiter is used.
import { GRANTED } from '../../dist/rate-limit/wait-policy.js'
import { WaitQueue } from '../../dist/rate-limit/waiting/wait-queue.js'
import { Bucket } from '../../dist/memory/bucket/bucket.js'

/**
 * @param {bigint} originNs - of process.hrtime, where the times that are told begin
 * @returns {(limiter: import('../../dist/index.js').RateLimiter, tokens: number, options?: { signal: AbortSignal }) => Promise<{ tokens: number, from: number, to: number }>}
 *   waits for tokens; the times are ms
 */
export function watchDecisions(originNs) {
  const nowMs = () => Number(process.hrtime.bigint() - originNs) / 1e6
  /** Of the look under way, or the last one: before its first survey of the bucket, and after its last. */
  const look = { fromMs: 0, toMs: 0 }
  const { beginLook, survey } = Bucket.prototype
  Bucket.prototype.beginLook = function () {
    look.fromMs = nowMs()
    beginLook.call(this)
  }
  Bucket.prototype.survey = function () {
    const axis = survey.call(this)
    look.toMs = nowMs()
    return axis
  }
  /** When those were admitted who have not gone on yet. */
  const decisions = []
  const { countWait } = WaitQueue.prototype
  WaitQueue.prototype.countWait = function (startedMs) {
    decisions.push([look.fromMs, look.toMs])
    countWait.call(this, startedMs)
  }

  return async (limiter, tokens, options) => {
    const beforeMs = nowMs()
    const wait = limiter.acquire(tokens, options)
    const afterMs = nowMs()
    await wait
    const [from, to] = wait === GRANTED ? [beforeMs, afterMs] : decisions.shift()
    return { tokens, from, to }
  }
}
