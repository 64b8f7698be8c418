import { calibration } from './calibration.js'
import type { Course } from './course.js'
import type { Observation } from './sample.js'
import { type Timing, SLICE_MS } from './timing.js'

/** Workers are not started before so much is seen: a task seems many times as long as it is until the engine has compiled it. */
const LEAST_SEEN_MS = 3
/**
 * A worker is started if the rest takes this many times its start. Of less it gets little, and its engine has yet to compile the task. The first
 * items count for less: they are slow until this thread's engine has compiled it.
 */
const SPAWN_FACTOR = { atFirst: 3, later: 2 }
/** Items seen within this time are the first ones. */
const FIRST_MS = 2 * SLICE_MS
/** On a machine that was too crowded for workers it is asked again when items have taken this many times as long. */
const CROWDED_AGAIN = 1.1
/** Below this many times its start, work must look worth it twice: another program may have held the core at the first look. */
const CLEARLY = 4
/** Whether items become shorter is seen from this many on, … */
const FEW_TO_WARM = 4
/** … and asked while they have taken so long: before that it is not worth a thought, and later most tasks are compiled. */
const WARMING_MS = { least: 10, most: 400 }
/** Fewer items are too few to wait for the next ones. */
const FEW_ITEMS = 20

/** The changes to a course after which a run asks again whether workers are worth it. */
export type NotYet = Partial<Pick<Course, 'notBeforeMs' | 'seemedWorthAtMs'>>

/** Asks again after the next item. */
export const AFTER_NEXT_ITEM: NotYet = {}

/**
 * Whether the rest of a run is worth the start of workers.
 *
 * @param restMs - what the items left would take in the loop
 * @param crowding - tells how crowded the machine is
 * @returns undefined if it is; otherwise what to note until the next time
 */
export function whyNotStart(
  course: Course,
  { timing, items }: Observation,
  restMs: number,
  crowding: () => number,
): NotYet | undefined {
  const seenMs = timing.totalMs
  if (seenMs < LEAST_SEEN_MS) return AFTER_NEXT_ITEM
  const leastMs = leastWorthMs(timing)
  if (restMs <= leastMs || restMs <= leastMs * crowding()) {
    // To ask how crowded the machine is takes longer than many an item.
    const notBeforeMs = restMs > leastMs ? CROWDED_AGAIN * seenMs : course.notBeforeMs
    return { seemedWorthAtMs: Infinity, notBeforeMs }
  }
  if (restMs <= CLEARLY * leastMs && seenMs <= course.seemedWorthAtMs) return { seemedWorthAtMs: seenMs }
  if (course.subject.options.mainThread !== false && mayBecomeShorter(timing, items)) return { notBeforeMs: 2 * seenMs }
  return undefined
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
