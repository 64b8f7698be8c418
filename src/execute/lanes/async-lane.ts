import { isThenable } from '../../internal/thenable.js'
import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import type { Batch } from '../run/item-source.js'
import type { Lane, Run } from '../run/run.js'
import type { Waiting } from '../schedule/scheduler.js'
import type { Timing } from '../schedule/timing.js'
import { ConcurrencyLimit } from './concurrency-limit.js'
import { LEAST_WAIT_MS, Overlap } from './overlap.js'
import { LaneSlices, type SliceQueue } from './slice-queue.js'

/** A stream has room for this many times the items in flight, so that an item that takes longer than others holds up the reader only. */
const ROUNDS = 4

/** Keeps several items in flight in this thread, up to the number beyond which the run becomes no faster. */
export class AsyncLane implements Lane {
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #timing: Timing
  readonly #measured: (item: unknown, result: unknown) => void
  readonly #fixed: number | undefined
  readonly #limit: ConcurrencyLimit
  readonly #overlap: Overlap
  readonly #startedMs = performance.now()
  /** There is more to take. */
  readonly #pump = (): void => this.#fill()
  readonly #slices: LaneSlices
  #alone: NodeJS.Timeout | undefined = undefined
  #inFlight = 0
  #started = 0
  /** Whether the source had no further item, so that fewer are in flight than allowed: at the end of the run, for instance. */
  #isShort = false
  /** How many items keep this thread busy, as seen while that many were in flight. */
  #busy: number | undefined = undefined
  #stopped = false
  #filling = false
  /** The turn of the event loop in which the lane last began items, whether that was within a slice, and when it must begin no more in it. */
  #begun = { turn: -1, isSlice: false, endMs: 0 }
  #settledSinceMs = this.#startedMs

  /**
   * @param fixed - the caller's own number of items in flight; undefined to seek the best
   */
  constructor(
    run: Run,
    call: (item: unknown) => unknown,
    timing: Timing,
    measured: (item: unknown, result: unknown) => void,
    fixed: number | undefined,
    known: Waiting,
    queue: SliceQueue,
  ) {
    this.#run = run
    this.#call = call
    this.#timing = timing
    this.#measured = measured
    this.#fixed = fixed
    const { remaining } = run.supply
    this.#limit = new ConcurrencyLimit(remaining === null ? Infinity : remaining + 1, known.inFlight)
    this.#overlap = new Overlap(known.isFree === true || fixed !== undefined)
    this.#slices = new LaneSlices(queue, run.inContext, () => this.#fill())
    run.add(this)
  }

  /**
   * @param first - what the first item of `batch` has returned
   * @param batch - the items that were taken with it
   */
  start(first?: PromiseLike<unknown>, batch?: Batch): void {
    if (first !== undefined && batch !== undefined) {
      const { start, items } = batch
      this.#watch(start, items[0], first, performance.now())
      if (this.#started > 0) this.#run.slots?.takeAnyway()
      if (items.length > 1)
        this.#run.supply.putBack({ ...batch, start: start + 1, items: Array.prototype.slice.call(items, 1) })
    }
    if (this.#overlap.most === 1) this.#waitAlone()
    this.#slices.queue.now(() => this.#fill())
  }

  /** Until the first item settles, or has shown that it waits. */
  #waitAlone(): void {
    this.#alone = realSetTimeout(() => {
      if (this.#overlap.release()) this.#run.inContext(this.#pump)
      else this.#waitAlone()
    }, LEAST_WAIT_MS)
  }

  stop(): void {
    this.#stopped = true
    realClearTimeout(this.#alone)
  }

  /** Findings for later runs. */
  get found(): Waiting {
    const inFlight = this.#fixed === undefined ? this.#limit.found : undefined
    return { inFlight, isFree: this.#overlap.isFree, overlap: this.#busy }
  }

  get #most(): number {
    const { concurrency = Infinity } = this.#run.options
    return Math.min(concurrency, this.#fixed ?? Math.min(this.#limit.limit, this.#overlap.most))
  }

  #fill(): void {
    if (this.#filling || this.#stopped || this.#slices.isDue) return
    this.#filling = true
    try {
      const { supply, slots } = this.#run
      supply.needRoom(ROUNDS * this.#most)
      while (!this.#isHalted() && this.#inFlight < this.#most) {
        if (!this.#mayBegin()) {
          this.#slices.ask()
          return
        }
        if (slots?.take(this.#pump) === false) return
        const batch = supply.take(1, this.#pump)
        this.#isShort = batch === undefined
        if (batch === undefined) {
          slots?.give()
          this.#run.endIfDone()
          return
        }
        const before = this.#started
        this.#slices.queue.now(() => this.#begin(batch.start, batch.items[0]))
        if (this.#started === before) slots?.give()
      }
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#filling = false
    }
  }

  /**
   * Whether the next item may begin: within a slice, and in a later turn of the event loop in another, if other runs have left time for it. Items
   * that settle at once, each starting the next, would starve the event loop.
   */
  #mayBegin(): boolean {
    const { turns: turn, isSlice, leftMs } = this.#slices.queue
    const nowMs = performance.now()
    if (turn !== this.#begun.turn) this.#begun = { turn, isSlice, endMs: nowMs + leftMs }
    return isSlice === this.#begun.isSlice && leftMs > 0 && nowMs < this.#begun.endMs
  }

  /** Read through a method: an item that was begun may have changed it. */
  #isHalted(): boolean {
    return this.#stopped
  }

  #begin(index: number, item: unknown): void {
    const startedMs = performance.now()
    let result
    try {
      result = this.#call(item)
      if (isThenable(result)) {
        this.#overlap.began(performance.now() - startedMs)
        this.#watch(index, item, result, startedMs)
        return
      }
    } catch (error) {
      this.#run.fail(index, item, error, 1)
      return
    }
    this.#run.finish(index, result)
  }

  #watch(index: number, item: unknown, result: PromiseLike<unknown>, startedMs: number): void {
    let promise
    try {
      // A thenable may settle twice, or throw: a promise of it does neither.
      promise = Promise.resolve(result)
    } catch (error) {
      // A promise whose `constructor` cannot be read.
      this.#run.fail(index, item, error, 1)
      return
    }
    this.#inFlight++
    const before = this.#started++
    promise.then(
      (value) => {
        this.#settled(before, startedMs, false)
        this.#run.finish(index, value)
        this.#measured(item, value)
        this.#fill()
      },
      (error: unknown) => {
        this.#settled(before, startedMs, true)
        this.#run.fail(index, item, error, 1)
        this.#fill()
      },
    )
  }

  #settled(before: number, startedMs: number, failed: boolean): void {
    const nowMs = performance.now()
    // Items that only wait for their turn of the event loop do not mean that the source is slow.
    const due = this.#slices.isDue ? Math.max(0, this.#most - this.#inFlight) : 0
    realClearTimeout(this.#alone)
    this.#alone = undefined
    if (this.#fixed === undefined) this.#overlap.settled(nowMs - startedMs, this.#inFlight)
    if (!this.#isShort || this.#busy === undefined) this.#busy = this.#overlap.busy
    this.#limit.settled(
      nowMs - this.#startedMs,
      nowMs - startedMs,
      this.#inFlight + due,
      failed,
      before,
      this.#started + due,
    )
    this.#inFlight--
    this.#timing.add(1, nowMs - this.#settledSinceMs)
    this.#timing.ownTotalMs += nowMs - startedMs
    this.#settledSinceMs = nowMs
    this.#run.slots?.give()
  }
}
