/** No worker holds items for longer than this: they are cloned ahead, and may have to be taken back. */
const MOST_HELD_MS = 256
/** Promises in flight in a worker whose items wait as well as compute: the least, and the number while it is unknown how many keep it busy. */
const IN_FLIGHT = { least: 2, unknown: 4 }
/** Taking items for less than this is not worth it. */
const LEAST_MS = 0.01

/**
 * How many items a lane takes at a time: enough for `targetMs`, and fewer and fewer towards the end, so that all lanes end together: half of
 * what is left for each. With a third more messages are sent, with nearly all of it more is taken back, and sent twice.
 *
 * @param remaining - items that nobody has taken; null if unknown
 * @param lanes - threads that take items
 * @param itemMs - what an item is expected to take
 * @returns >= 1
 */
export function shareOf(remaining: number | null, lanes: number, itemMs: number, targetMs: number): number {
  const lasting = (ms: number): number => Math.max(1, Math.floor(ms / Math.max(itemMs, 1e-6)))
  const most = lasting(targetMs)
  if (remaining === null) return most
  return Math.min(most, Math.max(lasting(LEAST_MS), Math.ceil(remaining / (2 * lanes))))
}

/**
 * How many items that wait a worker has under way.
 *
 * @param most - the most that it may have
 * @param overlap - how many keep a thread busy; undefined if that is not known
 */
export function inFlightInWorker(most: number, overlap: number = IN_FLIGHT.unknown): number {
  return Math.min(most, Math.max(IN_FLIGHT.least, overlap))
}

/**
 * The least that a worker takes of items that wait: as many as may wait at once. Those of its next chunk begin as some of them end.
 *
 * @param inFlight - how many may wait at once in a worker
 * @returns >= 1
 */
export function shareOfWaiting(remaining: number | null, lanes: number, inFlight: number): number {
  return Math.max(1, Math.min(inFlight, Math.ceil((remaining ?? Infinity) / (2 * lanes))))
}

/**
 * For how many milliseconds a worker should hold items. While the sending thread runs an item it sends none, so what workers hold must last
 * as long as its longest item.
 *
 * @param targetMs - how long a chunk should take; a worker holds at least two
 * @param longMs - how long an item may take in the sending thread; 0 if that runs none
 */
export function heldMs(targetMs: number, longMs: number): number {
  return Math.max(2 * targetMs, Math.min(MOST_HELD_MS, longMs))
}
