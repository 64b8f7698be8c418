import type { Batch } from '../run/item-source.js'
import type { Lane, Run } from '../run/run.js'
import { shareOf } from '../schedule/chunk-size.js'
import { type Timing, SLICE_MS } from '../schedule/timing.js'
import { outweighCalls, type LoopState, runItems, runLongItems } from './loops.js'
import { LaneSlices, type SliceQueue } from './slice-queue.js'

/** At most this many items are taken at a time: with more, the cost of taking no longer falls. */
const MOST_AT_ONCE = 1024
/** At most this many items run ahead of the reader of a stream. */
const MOST_AHEAD = 16
/** How long the items taken at a time should last. */
const TAKEN_MS = 1
const nothing = (): void => undefined

/**
 * Runs items in this thread, in slices between turns of the event loop. It starts with one item at a time and takes more as
 * they prove to be short. The first item that returns a promise ends the lane: an async lane takes over.
 */
export class LocalLane implements Lane, LoopState {
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly timing: Timing
  /** Called after each block with one of its items and the last result. */
  readonly #measured: (item: unknown, result: unknown) => void
  /** Takes over when an item returns a promise, with the items that were taken and not run. */
  readonly #becomeAsync: (first: PromiseLike<unknown>, batch: Batch) => void
  readonly #slices: LaneSlices
  /** There is more to take. A reader that asks for more whenever it has read what there was must not keep the event loop for ever. */
  readonly #pump = (): void => (this.#slices.queue.leftMs > 0 ? this.#slice() : this.startLater())
  #most = 1
  lastResult: unknown = undefined
  isStopped = false
  /** Position of the next item within the batch under way. */
  next = 0
  /** How long the items of that batch have run so far. */
  #batchMs = 0
  /** Called when nothing is left to take, or the lane pauses. */
  whenIdle: () => void = nothing
  /** Lanes that share what is left; with more than one, the last blocks are small. */
  lanes = 1
  /** Milliseconds between turns of the event loop, of all runs that compute at once. */
  sliceMs = SLICE_MS
  isPaused = false
  /** Whether it found nothing to take. */
  isIdle = false
  /** How long others have kept this thread between two slices, of late; milliseconds. */
  turnMs = 0
  #turnedMs = NaN
  #hasSlot = false

  constructor(
    run: Run,
    call: (item: unknown) => unknown,
    timing: Timing,
    measured: (item: unknown, result: unknown) => void,
    becomeAsync: (first: PromiseLike<unknown>, batch: Batch) => void,
    queue: SliceQueue,
  ) {
    this.#run = run
    this.#call = call
    this.timing = timing
    this.#measured = measured
    this.#becomeAsync = becomeAsync
    this.#slices = new LaneSlices(queue, run.inContext, () => this.#slice())
    run.add(this)
    // Taken now, before workers take all slots.
    this.#takeSlot()
  }

  /** Each item may turn out to wait. @returns whether it may run, or else is called once it may */
  #takeSlot(): boolean {
    const { slots } = this.#run
    if (slots === undefined || this.#hasSlot) return true
    return (this.#hasSlot = slots.take(this.#pump))
  }

  #giveSlot(): void {
    if (this.#hasSlot) this.#run.slots?.give()
    this.#hasSlot = false
  }

  /** Begins at once, unless other runs have taken this turn of the event loop, or its items are long: then no two run in one turn. */
  start(): void {
    if (this.#slices.queue.leftMs > 0 && this.timing.totalMs < SLICE_MS) this.#slice()
    else this.startLater()
  }

  startLater(): void {
    if (!this.#isHalted()) this.#slices.ask()
  }

  stop(): void {
    this.isStopped = true
  }

  pause(): void {
    this.isPaused = true
    this.#turnedMs = NaN
    this.#giveSlot()
    this.whenIdle()
  }

  goOnAlone(): void {
    this.lanes = 1
    this.sliceMs = SLICE_MS
    this.resume()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#pump()
  }

  #slice(): void {
    if (!this.#isHalted() && !this.#takeSlot()) return
    this.isIdle = false
    const nowMs = performance.now()
    if (nowMs > this.#turnedMs) this.turnMs = Math.max(nowMs - this.#turnedMs, this.turnMs / 2)
    const endMs = nowMs + Math.min(this.sliceMs, this.#slices.queue.leftMs)
    this.#slices.queue.now(() => this.#runUntil(endMs))
    this.#giveSlot()
  }

  #runUntil(sliceEndMs: number): void {
    const { supply } = this.#run
    while (!this.#isHalted()) {
      const { remaining } = supply
      const fair =
        this.lanes === 1 || remaining === null
          ? this.#most
          : Math.min(this.#most, shareOf(remaining, this.lanes, this.timing.itemMs, TAKEN_MS))
      // For a reader that takes one result after the other, to run one item at a time would take longer than short items themselves.
      supply.needRoom(Math.min(fair, MOST_AHEAD))
      let batch: Batch | undefined
      try {
        batch = supply.take(fair, this.#pump)
      } catch (error) {
        this.#run.stop('failed', error)
        return
      }
      if (batch === undefined) {
        this.isIdle = true
        this.#turnedMs = NaN
        this.whenIdle()
        this.#run.endIfDone()
        return
      }
      const goesOn = this.#runBatch(batch)
      if (this.next > 0) this.timing.add(this.next, this.#batchMs)
      if (!goesOn) return
      const { items } = batch
      // If items become longer, the last block shows it first: a large block of long items would run on after all others have ended.
      const itemMs = Math.max(this.timing.itemMs, this.#batchMs / items.length)
      this.#most = Math.max(1, Math.min(MOST_AT_ONCE, this.#most * 4, Math.floor(TAKEN_MS / itemMs)))
      this.#measured(items[0], this.lastResult)
      // Read again: a decision, or a start of workers, may have taken longer than a slice.
      if (performance.now() >= sliceEndMs) {
        if (this.#isHalted()) return
        this.#slices.ask()
        this.#turnedMs = performance.now()
        return
      }
    }
  }

  /** A method, so that the compiler does not narrow it: items that run in between may change it. */
  #isHalted(): boolean {
    return this.isStopped || this.isPaused
  }

  /** @returns whether the lane goes on: false when an item has returned a promise */
  #runBatch(batch: Batch): boolean {
    const call = this.#call
    const run = this.#run
    const { start, items, attempts } = batch
    this.next = 0
    this.#batchMs = 0
    const results = new Array<unknown>(items.length)
    const runAll = outweighCalls(1, this.timing.itemMs) ? runLongItems : runItems
    while (this.next < items.length) {
      const from = this.next
      let failure: { readonly error: unknown } | undefined
      let pending: PromiseLike<unknown> | undefined
      // Around the items alone: in the first block, what is done with their results is compiled, and takes longer than a short item.
      const startedMs = performance.now()
      try {
        pending = runAll(call, items, items.length, results, this)
      } catch (error) {
        failure = { error }
      }
      this.#batchMs += performance.now() - startedMs
      const { next } = this
      if (next > from) this.lastResult = results[next - 1]
      run.finishAll(start + from, next - from === items.length ? results : results.slice(from, next))
      if (this.isStopped) return false
      if (pending !== undefined) {
        run.remove(this)
        this.stop()
        this.whenIdle()
        this.#becomeAsync(pending, { ...batch, start: start + next, items: Array.prototype.slice.call(items, next) })
        return false
      }
      if (failure !== undefined) {
        run.fail(start + next, items[next], failure.error, attempts + 1)
        if (run.isOver) return false
        this.next++
      }
    }
    return true
  }
}
