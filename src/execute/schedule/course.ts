import { isMixed, type PaceOfLoop } from './pace.js'
import type { Decision, Subject } from './planner.js'
import { LOSS, showsLoop } from './tasks.js'

/** A run with workers is looked at whenever such a part of it has ended in so much time, … */
const LOOK_PART = 0.1
const LOOK_MS = 25
/** … and goes back to the loop if they lose beyond what chance has given it in items that differ: so many standard errors. */
const DOUBT = 2
/** Workers that have become so many times as fast since the look before have not lost: their engines are still compiling. */
const IMPROVING = 1.25

/** One run, as the scheduler follows it. */
export interface Course {
  readonly subject: Subject
  /** Its first item, by which it finds what runs on items like them have taught, and leaves what it teaches. */
  readonly first: unknown
  /** What the run has or is to have workers for; undefined while it is a loop. */
  decision: Decision | undefined
  /** It stays in the loop whatever it shows: workers have lost in the last run like it. */
  staysInLoop: boolean
  /** Earlier runs have shown that items are uneven; see `isUneven`. */
  isUneven: boolean
  /** When to think again, in milliseconds of items. */
  notBeforeMs: number
  /** How much had been run when starting workers first seemed worth it, and has since. */
  seemedWorthAtMs: number
  /** What there was when the run with workers was looked at last; undefined where it was not. */
  look: Look | undefined
}

/** A look at a run with workers: what had ended, and what the loop would have taken for what ended since the look before, over what it took. */
interface Look {
  readonly settled: number
  readonly ms: number
  readonly gain: number
}

/** What a run has come to since its first worker joined. */
export interface SinceJoined {
  /** Items that were left then. */
  readonly items: number | null
  readonly settled: number
  readonly ms: number
  /** How fast workers have run their items. */
  readonly pace: PaceOfLoop
}

/**
 * Whether a run with workers should go back to the loop. The first look only shows where workers begin: what they cost to start is lost in any
 * case, and they become faster for a while.
 *
 * @param here - what this thread has run of the run: it has seen more than what was decided by
 */
export function shouldGoBack(course: Course, since: SinceJoined, here: PaceOfLoop): boolean {
  const { decision, look } = course
  const { items, pace } = since
  if (decision === undefined || items === null) return false
  const settled = since.settled - (look?.settled ?? 0)
  const ms = since.ms - (look?.ms ?? 0)
  if (settled < LOOK_PART * items || ms < LOOK_MS) return false
  const { measured } = decision
  const isSeen = here.itemMs < measured.itemMs && showsLoop(here, measured, isMixed(here))
  const { itemMs, spread } = isSeen ? here : { itemMs: measured.itemMs, spread: measured.itemCv }
  const doubt = (DOUBT * Math.max(spread, pace.spread)) / Math.sqrt(settled)
  const gain = (settled * itemMs) / ms
  course.look = { settled: since.settled, ms: since.ms, gain }
  return look !== undefined && gain * (1 + doubt) < LOSS && gain < IMPROVING * look.gain
}
