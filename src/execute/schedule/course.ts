import type { Decision, Subject } from './planner.js'
import { LOSS, showsLoop } from './tasks.js'
import { isMixed, type Timing } from './timing.js'

/** The first decision is due after this much work. */
const LEAST_SEEN_MS = 0.1
/** A run with workers is checked each time this share of it has ended and this much time has passed. */
const LOOK_PART = 0.1
const LOOK_MS = 25
/** A loss counts if it exceeds this many standard errors of the items' time: by chance, workers may have got the long ones. */
const DOUBT = 2

/** The scheduler's knowledge of a run under way. */
export class Course {
  /** The decision for workers; undefined while the run is a loop. */
  decision: Decision | undefined = undefined
  /** Whether the run stays in the loop however long its items take, because workers lost in the last run like it. */
  staysInLoop = false
  /** How long the loop would take by what earlier runs have shown; 0 if they have shown nothing, or items wait. */
  loopMs = 0
  /** Earlier runs have shown that items are uneven; see `isUneven`. */
  isUneven = false
  /** The next decision is due when items have taken this long. */
  notBeforeMs = LEAST_SEEN_MS
  /** The last look at a run with workers; undefined before the first. */
  look: Look | undefined = undefined

  /** @param first - its first item: by its shape the record of the task is found */
  constructor(
    readonly subject: Subject,
    readonly first: unknown,
  ) {}
}

interface Look {
  readonly settled: number
  readonly ms: number
}

/** Counts of a run since its first worker joined. */
export interface SinceJoined {
  /** Items that were left at that time. */
  readonly items: number | null
  readonly settled: number
  readonly ms: number
  /** Whether other runs have used workers meanwhile, so that this run's time says nothing about the task. */
  readonly isShared: boolean
  readonly timing: Timing
}

/**
 * Looks at a run with workers, and remembers what it saw for the next look. The first look never sends a run back: what workers cost to start
 * is spent, and they become faster for a while.
 *
 * @param local - how fast this thread runs the items, by more of them than the decision was made from
 * @returns whether the run should go back to the loop
 */
export function lookAtWorkers(course: Course, since: SinceJoined, local: Timing): boolean {
  const { decision, look } = course
  const { items, timing } = since
  if (decision === undefined || items === null || since.isShared) return false
  const settled = since.settled - (look?.settled ?? 0)
  const ms = since.ms - (look?.ms ?? 0)
  if (settled < LOOK_PART * items || ms < LOOK_MS) return false
  const { measured } = decision
  const isSeen = local.itemMs < measured.itemMs && showsLoop(local, measured)
  const spread = isSeen ? local.spread : measured.itemCv
  // Where items differ, there may be longer ones here than all of them are: what this thread takes for one now is what the loop would.
  const itemMs = isSeen ? local.itemMs : Math.max(measured.itemMs, isMixed(local) ? local.latestMs : 0)
  const doubt = (DOUBT * Math.max(spread, timing.spread)) / Math.sqrt(settled)
  course.look = { settled: since.settled, ms: since.ms }
  return look !== undefined && (settled / ms) * itemMs * (1 + doubt) < LOSS
}
