/** Milliseconds of numbers that a thread claims at a time from shared memory. */
export const CLAIM_MS = 0.5
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
