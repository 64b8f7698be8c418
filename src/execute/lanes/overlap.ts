import { builtins } from '../../internal/builtins.js'
import { busyAt, IDLE_SHARE } from '../schedule/timing.js'

/** For how many milliseconds a thread had nothing to do, and for how many it had. */
interface Utilization {
  readonly idle: number
  readonly active: number
}

interface Loop {
  eventLoopUtilization(): Utilization
}

/** Items that compute less than this may overlap without a limit. */
const LEAST_MS = 1
/** The first item has this thread to itself until the thread has been idle for this time. */
export const LEAST_WAIT_MS = 2
/** If the thread is never idle, others begin after this many checks. */
const MOST_LOOKS = 10
/** The weight of the newest measurement. */
const WEIGHT = 0.5
/** Items that settle within this time have settled together: what the thread did before that, it did for all of them. */
const MOMENT_MS = 0.1
/**
 * Where the thread has no idle time, each item takes away this part of the wait that was seen, divided by how many are under way. If that has made
 * the thread idle, items do wait: from then on it is half of that part, down to the least.
 */
const FADING = { part: 0.4, least: 0.025, fewest: 4 }

/**
 * How many items may overlap in this thread. While one computes for c and waits for w, 1 + w / c of them keep the thread busy; more finish no
 * sooner, and when they have waited they compute one after another without a turn of the event loop.
 *
 * Source: Little's law.
 */
export class Overlap {
  /** How many may overlap now: one until the first has shown whether it computes or waits, unless earlier runs have shown it. */
  most: number
  readonly #loop: Loop
  #seen: Utilization
  #looks = 0
  /** Items since this thread was last checked. */
  #items = 0
  /** Items that were begun since then, and how long the thread computed for their beginnings. */
  #begun = { items: 0, ms: 0 }
  /** Time that an item computes before it waits. */
  #startMs = 0
  /** Items that have ended together of late, and how long the thread was active for them after they had waited. */
  #moment = { items: 0, activeMs: 0 }
  /** Time that an item computes, and its value before the latest update. */
  #computesMs: number | undefined = undefined
  #computedMs: number | undefined = undefined
  #waitsMs = 0
  /** The wait as last measured, before the reduction. */
  #seenWaitMs = 0
  #fading: number = FADING.part
  #hasFaded = false

  /** @param isKnown - whether earlier runs have shown that items compute little */
  constructor(isKnown: boolean, loop: Loop = builtins.perfHooks.performance) {
    this.most = isKnown ? Infinity : 1
    this.#loop = loop
    this.#seen = loop.eventLoopUtilization()
  }

  /** Whether items compute so little that they do not hold up others; undefined before one has settled. */
  get isFree(): boolean | undefined {
    return this.#computesMs === undefined ? undefined : this.most === Infinity
  }

  /**
   * The first item has not settled for a while.
   *
   * @returns whether others may begin: it has shown that it waits, since this thread had nothing to do, or others keep the thread busy, by now
   *   for many turns of the event loop
   */
  release(): boolean {
    const idleMs = this.#loop.eventLoopUtilization().idle - this.#seen.idle
    const mayGoOn = idleMs >= LEAST_WAIT_MS || ++this.#looks >= MOST_LOOKS
    if (mayGoOn && this.#computesMs === undefined) this.most = Infinity
    return mayGoOn
  }

  /** An item was begun. @param ms - how long that took, until it had something to wait for */
  began(ms: number): void {
    this.#begun.items++
    this.#begun.ms += ms
  }

  /**
   * An item has settled.
   *
   * @param ms - since it was begun
   * @param inFlight - items under way, this one included
   */
  settled(ms: number, inFlight: number): void {
    this.#items++
    if (ms < LEAST_MS) {
      // To look closer would take longer than the item.
      this.#computesMs = (this.#computesMs ?? 0) * (1 - WEIGHT)
      if (this.#computesMs < LEAST_MS) this.most = Infinity
      return
    }
    const now = this.#loop.eventLoopUtilization()
    const activeMs = now.active - this.#seen.active
    const idleMs = now.idle - this.#seen.idle
    if (activeMs + idleMs >= MOMENT_MS || this.#computesMs === undefined) {
      const { items: begun, ms: begunMs } = this.#begun
      if (begun > 0) this.#startMs = begunMs / begun
      this.#begun = { items: 0, ms: 0 }
      this.#moment = { items: 0, activeMs: Math.max(0, activeMs - begunMs) }
      const computesMs = this.#startMs + this.#moment.activeMs / this.#items
      if (idleMs > IDLE_SHARE * (idleMs + activeMs)) {
        this.#waitsMs = Math.max(0, Math.min((inFlight * (idleMs + activeMs)) / this.#items, ms) - computesMs)
        this.#seenWaitMs = this.#waitsMs
        if (this.#hasFaded) this.#fading = Math.max(FADING.least, this.#fading / 2)
        this.#hasFaded = false
      } else if (this.#computesMs === undefined) {
        // Those that compute when they have waited come together, and would again.
        this.#waitsMs = this.#seenWaitMs = 2 * this.#startMs < computesMs ? 0 : Math.max(0, ms - computesMs)
      } else {
        this.#waitsMs *= 1 - this.#fading / Math.max(FADING.fewest, inFlight)
        this.#hasFaded = true
      }
      this.#seen = now
      this.#computedMs = this.#computesMs
    }
    this.#moment.items += this.#items
    this.#items = 0
    const computesMs = this.#startMs + this.#moment.activeMs / this.#moment.items
    this.#computesMs = (this.#computedMs ?? computesMs) * (1 - WEIGHT) + computesMs * WEIGHT
    this.most = this.#computesMs < LEAST_MS ? Infinity : this.#mostOf(this.#waitsMs)
  }

  /** How many keep a thread busy, `SLACK` counted in; undefined if they compute too little to tell, or none was seen. */
  get busy(): number | undefined {
    if (this.isFree !== false) return undefined
    return this.most === 1 ? 1 : this.#mostOf(this.#seenWaitMs)
  }

  #mostOf(waitsMs: number): number {
    return busyAt(waitsMs, this.#computesMs ?? Infinity)
  }
}
