/** Whose turn it is among threads that wait for one bucket: how far ahead of now each may reserve tokens for its callers. */

/**
 * How far ahead of now tokens are reserved, ms: over the lateness of a punctual timer, so that the bucket stays in debt while anybody
 * waits and nobody who only tries is served before; not more, for what is given up near the front is lost to other threads.
 */
export const HORIZON_MS = 5
/** How late a healthy loop may be without losing tokens. */
export const GRACE_MS = 10
/** Changes by other threads are noticed within this time. */
const HEARD_MS = 50
/** So a thread that waits looks this often at least: its timer may be late. */
export const WATCH_MS = HEARD_MS - 5

/**
 * How many ms ahead of now a caller's tokens may begin: less, the farther it is behind the first of another thread.
 *
 * @param behind - tokens by which it came later; negative: it came first
 * @param reachMs - how long its tokens stay good once they are there: it lets others go before for half of that at most
 */
export function roomMs(behind: number, requestsPerSecond: number, reachMs: number): number {
  if (behind <= 0) return HORIZON_MS
  return Math.max(-Math.min(HEARD_MS, reachMs / 2), HORIZON_MS - (1000 * behind) / requestsPerSecond)
}

/** How long the others who came before by so many tokens need, ms, until a caller may reserve. */
export function overtakesMs(behind: number, requestsPerSecond: number): number {
  return (1000 * behind) / requestsPerSecond - HORIZON_MS
}
