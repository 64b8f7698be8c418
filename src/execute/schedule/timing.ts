/** How long this thread may run items without giving the event loop a turn. */
export const SLICE_MS = 4

/** A run begins with this many items that wait. */
export const FIRST_IN_FLIGHT = 64
/** The most items in flight by default: a program should not hold more connections open to a server unless its author says so. */
export const MOST_IN_FLIGHT = 256
/** The rate measured at a level of items in flight: items that succeeded per millisecond. */
export interface LevelRate {
  readonly level: number
  readonly rate: number
}

/** How far the search for the best level has come. The next run of the task goes on with it. */
export interface Search {
  readonly level: number
  readonly phase: 'up' | 'down' | 'hold'
  /** The level to compare with: the one below, the one above, or the same one a while ago. */
  readonly reference?: LevelRate | undefined
  /** Windows for which a level is held, 0 while nothing is known of the neighbours of the first; and for how many this one has been. */
  readonly patience: number
  readonly held: number
  readonly isLowerNext: boolean
}

/** A worker has at most an equal part of these under way: no more than `most`, and no fewer than `least`, however many workers there are. */
export const IN_WORKER = { least: 16, most: 64 } as const
/** This many times the items that would keep a thread busy may wait at once, since waits differ. */
export const SLACK = 2
/** A thread that is idle for a smaller part of the time has enough to do. */
export const IDLE_SHARE = 0.1

/** The least rises by this factor with each block, so that an old one is forgotten; and so does the most fall, which is rarer. */
const FORGETTING = { least: 1.05, most: 1.01 }
/** The weight of one block in the recent time of an item. Faster is believed sooner, as compiled code becomes faster. */
const FASTER = 0.7
const SLOWER = 0.3
/** Fewer items say nothing about the least. */
export const FEW = 3
/** Fewer items say nothing about how much they differ. */
export const FEW_TO_COMPARE = 8
/** Some of them are long if they take more than four slices. For shorter ones it does not pay that one more thread loads and compiles the task. */
const LONG_MS = 4 * SLICE_MS
/** Items differ if their coefficient of variation is above this. */
const UNEVEN = 0.5
/** Engines are slow to compile a task if its first items would now take less than this part of what they took, and this much less. */
const WARMED = 0.6
const LEAST_WARMED_MS = 10
export interface MeanTiming {
  readonly items: number
  readonly itemMs: number
  /** Coefficient of variation of that time. */
  readonly spread: number
}

/** Time of one of the longer items: two standard deviations above the mean. */
function longMs({ itemMs, spread }: MeanTiming): number {
  return itemMs * (1 + 2 * spread)
}

/**
 * How many items keep a thread busy that compute and wait for so long, `SLACK` counted in.
 *
 * Source: Little's law.
 */
export function busyAt(waitsMs: number, computesMs: number): number {
  return 1 + Math.floor((SLACK * waitsMs) / computesMs)
}

/**
 * The same by a chunk of `count` items, of which `inFlight` could wait at once; undefined where its thread was busy, or it was too small to tell.
 *
 * @param idleMs - for how long of the `ms` that it took the thread had nothing to do
 */
export function overlapOf(count: number, ms: number, idleMs: number, inFlight: number): number | undefined {
  if (count < inFlight || idleMs <= IDLE_SHARE * ms) return undefined
  const computesMs = Math.max(0, ms - idleMs) / count
  return busyAt((inFlight * ms) / count - computesMs, computesMs)
}

/** Whether items differ, and some take so long that the event loop should not wait for them. */
export function isUneven(timing: MeanTiming): boolean {
  return timing.items >= FEW_TO_COMPARE && timing.spread > UNEVEN && longMs(timing) > LONG_MS
}

/** Whether items differ so much that some do not show what the others take, by chance or because they become longer or shorter in a run. */
export function isMixed(timing: Timing): boolean {
  const { items, itemMs, totalMs, spread } = timing
  const meanMs = totalMs / items
  const isDrifting = meanMs > (1 + UNEVEN) * itemMs || itemMs > (1 + UNEVEN) * meanMs
  return items >= FEW_TO_COMPARE && (spread > UNEVEN || isDrifting)
}

/** How many items had ended, and how long they had taken together. */
interface Mark {
  readonly items: number
  readonly ms: number
}

const START: Mark = { items: 0, ms: 0 }

/** How fast items run in this thread, smoothed so that a change shows soon. */
export class Timing {
  items = 0
  totalMs = 0
  /** The same for items that overlap, each from its start to its end. */
  ownTotalMs = 0
  itemMs = 0
  /** The least that an item has taken recently, by however few there were: other programs on the core do not count in it. */
  leastSeenMs = Infinity
  /** The most that an item has taken recently; of a block of several, its mean. */
  mostMs = 0
  /** Mean of the squares of an item's time, for the spread. */
  #squares = 0
  #weight = 0
  /** Time of an item now. */
  latestMs = 0
  /** Items of the first block, which pays for loading and compiling what the task needs. */
  #firstItems = 0
  /** The marks at about half, and at about a quarter, of the items so far. */
  #half = START
  #quarter = START

  /** @param count - items run one after the other; @param ms - how long they took together */
  add(count: number, ms: number): void {
    const itemMs = Math.max(ms, 1e-6) / count
    if (this.items === 0) this.#firstItems = count
    else if (this.items === this.#firstItems && itemMs < this.itemMs) this.#weight = this.#squares = this.itemMs = 0
    const change = this.items === 0 ? 1 : itemMs < this.latestMs ? FASTER : SLOWER
    this.latestMs += (itemMs - this.latestMs) * change
    this.items += count
    this.totalMs += ms
    if (this.items >= 2 * this.#half.items) {
      this.#quarter = this.#half
      this.#half = { items: this.items, ms: this.totalMs }
    }
    this.leastSeenMs = Math.min(itemMs, this.leastSeenMs * FORGETTING.least)
    this.mostMs = Math.max(itemMs, this.mostMs / FORGETTING.most)
    // Old blocks fade, so that one slow start does not stay for ever.
    this.#weight = Math.min(this.#weight + count, 4 * count + 64)
    const share = count / this.#weight
    this.itemMs += (itemMs - this.itemMs) * share
    this.#squares += (itemMs * itemMs - this.#squares) * share
  }

  /** The least that an item has taken recently; 0 while too few have run to tell. */
  get leastMs(): number {
    return this.items < FEW ? 0 : this.leastSeenMs
  }

  /** How much longer all items have taken than they would now: what the task costs a thread that runs it for the first time. */
  get coldMs(): number {
    return Math.max(0, this.totalMs - this.items * this.latestMs)
  }

  /** Whether items have become much shorter than the first half or quarter of them were. */
  get isWarming(): boolean {
    const { items, ms } = this.#quarter
    const nowMs = (items * (this.totalMs - ms)) / (this.items - items)
    return nowMs < WARMED * ms && ms - nowMs > LEAST_WARMED_MS
  }

  /** Coefficient of variation of item times. Within a block of several items it is not seen. */
  get spread(): number {
    return this.itemMs === 0 ? 0 : Math.sqrt(Math.max(0, this.#squares - this.itemMs * this.itemMs)) / this.itemMs
  }
}
