import { runItems, UNSTOPPED } from './run-items.js'

/** Milliseconds of items between two readings of the clock. */
const BLOCK_MS = 0.5

/** Where a run stands that the first slice has not finished. */
export interface FirstSlice {
  /** Results of the items that have ended, in order. */
  readonly results: unknown[]
  /** What the item after these has returned, if that is a promise. */
  readonly pending: PromiseLike<unknown> | undefined
  /** Items before the last block, and how long they took: at first the engine has not compiled the task yet. */
  readonly earlierItems: number
  readonly earlierMs: number
  /** Items of the last block that has ended, and how long they took. */
  readonly lastItems: number
  readonly lastMs: number
}

/** Before the first slice. */
export function nothingRun(): FirstSlice {
  return { results: [], pending: undefined, earlierItems: 0, earlierMs: 0, lastItems: 0, lastMs: 0 }
}

/**
 * Runs items as the loop that everyone would write, for at most `forMs` and the block under way. Most calls need no more than this, and
 * many are the only one of their process: it is little code, so that the engine has little to compile before the first item.
 *
 * @returns the results when all items have ended, else how far it has come
 */
export function firstSlice(call: (item: unknown) => unknown, items: ArrayLike<unknown>, forMs: number): unknown[] | FirstSlice {
  const results: unknown[] = []
  const count = items.length
  const startedMs = performance.now()
  let nowMs = startedMs
  let from = 0
  for (let block = 1; from < count; ) {
    const to = from + block < count ? from + block : count
    const pending = runItems(call, items, from, to, results, UNSTOPPED)
    if (pending !== undefined) return { results, pending, earlierItems: 0, earlierMs: 0, lastItems: from, lastMs: nowMs - startedMs }
    if (to === count) return results
    const beforeMs = nowMs
    nowMs = performance.now()
    if (nowMs - startedMs >= forMs) {
      return { results, pending: undefined, earlierItems: from, earlierMs: beforeMs - startedMs, lastItems: to - from, lastMs: nowMs - beforeMs }
    }
    // Four times as many, unless that would take too long.
    const fit = (BLOCK_MS * (to - from)) / (nowMs - beforeMs)
    block = fit >= 4 * block ? 4 * block : Math.max(1, Math.floor(fit))
    from = to
  }
  return results
}
