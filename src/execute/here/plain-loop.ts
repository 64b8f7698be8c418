import type { FirstSlice } from './first-slice.js'
import { isThenable, PaceOfLoop, SLICE_MS } from '../model/pace.js'
import { runItems, UNSTOPPED } from './run-items.js'

/** Milliseconds of items between two readings of the clock. */
const BLOCK_MS = 0.5

/** How a slice of the loop ended. */
export type SliceEnd = 'done' | 'time' | 'promise' | 'worthwhile'

/**
 * The loop everyone would write, with a reading of the clock now and then: what `execute` does with an array and a function
 * after the first slice, until there is a reason to do more.
 */
export class PlainLoop {
  readonly results: unknown[]
  readonly pace = new PaceOfLoop()
  /** What the item at `next` has returned, if that is a promise. */
  pending: PromiseLike<unknown> | undefined
  next: number
  /** Whether items return promises, as far as seen. */
  isAsync: boolean
  /** Whether the promise in `pending` does not settle by itself soon. */
  isStuck = false
  #block: number

  constructor(
    readonly call: (item: unknown) => unknown,
    readonly items: ArrayLike<unknown>,
    { results, pending, earlierItems, earlierMs, lastItems, lastMs }: FirstSlice,
  ) {
    this.results = results
    this.pending = pending
    this.isAsync = pending !== undefined
    this.next = results.length
    if (earlierItems > 0) this.pace.add(earlierItems, earlierMs)
    if (lastItems > 0) this.pace.add(lastItems, lastMs)
    this.#block = Math.max(1, lastItems)
  }

  /**
   * Runs items for one slice.
   *
   * @param isWorthwhile - whether to stop and think, asked after each block with the milliseconds that remain
   */
  slice(isWorthwhile: (restMs: number) => boolean): SliceEnd {
    const { call, items, results, pace } = this
    let nowMs = performance.now()
    const endMs = nowMs + SLICE_MS
    while (this.next < items.length) {
      const from = this.next
      this.pending = runItems(call, items, from, Math.min(items.length, from + this.#block), results, UNSTOPPED)
      this.next = results.length
      if (this.pending !== undefined) {
        this.isAsync = true
        return 'promise'
      }
      const startedMs = nowMs
      nowMs = performance.now()
      pace.add(this.next - from, nowMs - startedMs)
      if (this.next === items.length) break
      this.#block = Math.max(1, Math.min(this.#block * 4, Math.floor(BLOCK_MS / pace.itemMs)))
      if (isWorthwhile((items.length - this.next) * pace.itemMs)) return 'worthwhile'
      if (nowMs >= endMs) return 'time'
    }
    return 'done'
  }

  /**
   * Goes on where the first promise came up, one item after the other, while that is as good as any other way: items that
   * settle without waiting for anything.
   *
   * @returns 'promise' when an item keeps waiting, which `pending` then holds
   */
  async awaitEach(isWorthwhile: (restMs: number) => boolean): Promise<SliceEnd> {
    const { call, items, results, pace } = this
    let result: unknown = this.pending ?? call(items[this.next])
    let block = 1
    let inBlock = 0
    let nowMs = performance.now()
    const endMs = nowMs + SLICE_MS
    for (;;) {
      if (isThenable(result)) {
        this.pending = result
        const settled = await settledSoon(result)
        if (settled === undefined) {
          this.isStuck = true
          return 'promise'
        }
        results.push(settled.value)
        this.pending = undefined
      } else {
        results.push(result)
      }
      // The task may have shortened the array.
      if (++this.next >= items.length) return 'done'
      if (++inBlock >= block) {
        const startedMs = nowMs
        nowMs = performance.now()
        pace.add(inBlock, nowMs - startedMs)
        inBlock = 0
        block = Math.max(1, Math.min(block * 4, Math.floor(BLOCK_MS / pace.itemMs)))
        if (isWorthwhile((items.length - this.next) * pace.itemMs)) return 'worthwhile'
        if (nowMs >= endMs) return 'time'
      }
      result = call(items[this.next])
    }
  }
}

/** What `promise` settles with if it does so within a few rounds of the microtask queue; its failure comes through. */
async function settledSoon(promise: PromiseLike<unknown>): Promise<{ readonly value: unknown } | undefined> {
  let settled: { readonly value: unknown } | undefined
  let failed: { readonly error: unknown } | undefined
  promise.then(
    (value) => (settled = { value }),
    (error: unknown) => (failed = { error }),
  )
  for (let round = 0; round < 8 && settled === undefined && failed === undefined; round++) await Promise.resolve()
  // The narrowing does not see what the callbacks have done meanwhile.
  const failure = failed as { readonly error: unknown } | undefined
  if (failure !== undefined) throw failure.error
  return settled
}
