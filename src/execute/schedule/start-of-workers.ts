import { calibration } from './calibration.js'
import type { Observation } from './sample.js'
import { type Timing, SLICE_MS } from './timing.js'

/** Workers are not started before items have run for this time: until the engine has compiled a task, it seems many times as long as it is. */
const LEAST_SEEN_MS = 3
/**
 * A worker is started if the rest takes this many times as long as its start. Of a shorter rest it would get little, and its engine has yet to compile the task. The first
 * items count for less: they are slow until this thread's engine has compiled it.
 */
const SPAWN_FACTOR = { atFirst: 4, later: 3 }
/** Items seen within this time are the first ones. */
const FIRST_MS = 2 * SLICE_MS
/** Whether items become shorter can be seen from this many items on, … */
const FEW_TO_WARM = 4
/** … and is asked between these times: before, too little is at stake; after, most tasks are compiled. */
const WARMING_MS = { least: 10, most: 400 }
/** If fewer items are left, it is not worth waiting to see whether they become shorter. */
const FEW_ITEMS = 20

/**
 * When it is time to start workers for the rest of a run.
 *
 * @param restMs - what the items left would take in the loop
 * @param isHere - whether this thread runs items as well
 * @returns undefined if that is now; otherwise how long items have to have taken before it is asked again
 */
export function whenToStart({ timing, items }: Observation, restMs: number, isHere: boolean): number | undefined {
  const seenMs = timing.totalMs
  if (seenMs < LEAST_SEEN_MS || restMs <= leastWorthMs(timing)) return seenMs
  return isHere && mayBecomeShorter(timing, items) ? 2 * seenMs : undefined
}

/** Less work is not worth the start of a worker, which takes `coldMs` longer for its first items. */
function leastWorthMs({ totalMs, coldMs }: Timing): number {
  return (totalMs < FIRST_MS ? SPAWN_FACTOR.atFirst : SPAWN_FACTOR.later) * (calibration.spawnMs + coldMs)
}

/**
 * Whether items become shorter still, or it is too early to tell: while engines compile what a task needs, nobody knows what the rest takes, and
 * each worker would pay for that again.
 */
function mayBecomeShorter({ items, totalMs, isWarming }: Timing, left: number | null): boolean {
  if (totalMs <= WARMING_MS.least || totalMs > WARMING_MS.most) return false
  return items >= FEW_TO_WARM ? isWarming : left === null || left >= FEW_ITEMS
}
