/** Turns of threads that wait for one bucket: how far ahead of now each may reserve tokens for its callers. */

/**
 * How far ahead of now tokens are reserved, ms. It exceeds the usual lateness of a timer, so that the bucket stays in debt while anybody
 * waits, and `tryAcquire` overtakes nobody. It is no longer, because tokens given up near the front are lost to other threads.
 */
export const HORIZON_MS = 5
/** How late a healthy loop may be without losing tokens. */
export const GRACE_MS = 10
/** Changes by other threads are noticed within this time. */
const HEARD_MS = 50
/** A thread that waits looks at least this often, a little more than `HEARD_MS` demands, since its timer may be late. */
export const WATCH_MS = HEARD_MS - 5

/**
 * How many ms ahead of now a caller's tokens may begin: the farther it is behind the first caller of another thread, the less.
 *
 * @param behind - tokens by which it came later; negative if it came first
 * @param reachMs - how long its tokens stay good once they are there; it lets others go before for at most half of that
 */
export function roomMs(behind: number, requestsPerSecond: number, reachMs: number): number {
  if (behind <= 0) return HORIZON_MS
  return Math.max(-Math.min(HEARD_MS, reachMs / 2), HORIZON_MS - (1000 * behind) / requestsPerSecond)
}

/** How long until a caller may reserve, ms, if others came before it by `behind` tokens. */
export function overtakesMs(behind: number, requestsPerSecond: number): number {
  return (1000 * behind) / requestsPerSecond - HORIZON_MS
}
