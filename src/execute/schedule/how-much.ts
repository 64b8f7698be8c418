/** Milliseconds of numbers that a thread claims at a time from shared memory. */
export const CLAIM_MS = 0.5
/** No worker holds more than what lasts so long, in ms: it is cloned ahead, and may have to be taken back. */
const MOST_HELD_MS = 256
/** To take less than what lasts so long is not worth the taking. */
const LEAST_MS = 0.01

/**
 * How many items a lane takes at a time: as many as last `targetMs`, and towards the end less and less, so that all lanes end together. A
 * worker holds two shares, and nobody takes one back: so a share is a third of what is fair.
 *
 * @param remaining - items that nobody has taken; null where it is not known
 * @param lanes - threads that take items
 * @param itemMs - what an item is expected to take
 * @returns >= 1
 */
export function shareOf(remaining: number | null, lanes: number, itemMs: number, targetMs: number): number {
  const lasting = (ms: number): number => Math.max(1, Math.floor(ms / Math.max(itemMs, 1e-6)))
  const most = lasting(targetMs)
  if (remaining === null) return most
  return Math.min(most, Math.max(lasting(LEAST_MS), Math.ceil(remaining / (3 * lanes))))
}

/**
 * How many milliseconds of items a worker should hold. A thread that runs items sends none meanwhile: what others hold has to last for as
 * long as the longest that it may come to.
 *
 * @param targetMs - what a chunk is to last; a worker holds two in any case
 * @param longMs - how long an item may take that runs in the thread that sends; 0 where that runs none
 */
export function heldMs(targetMs: number, longMs: number): number {
  return Math.max(2 * targetMs, Math.min(MOST_HELD_MS, longMs))
}
