import { paceOf, type PlainLoop } from '../here/plain-loop.js'
import type { PaceOfLoop } from '../model/pace.js'

/** What a run has seen when it asks. */
export interface Evidence {
  readonly pace: PaceOfLoop
  /** Items left; null where it is not known. */
  readonly items: number | null
  /** An item and its result, to weigh. */
  readonly item: unknown
  readonly result: unknown
  readonly isAsync: boolean
  readonly cpuShare: number
}

/** What a loop shows about its items from `next` on. */
export function evidenceOf(loop: PlainLoop, next: number, isAsync: boolean): Evidence {
  const { items, results } = loop
  return { pace: paceOf(loop), items: items.length - next, item: items[next], result: results[Math.max(0, next - 1)], isAsync, cpuShare: 1 }
}

/**
 * What a loop shows that has ended; undefined where that is nothing. To be taken before anyone has the results, who may change them
 * and the items at once.
 */
export function evidenceOfAll(loop: PlainLoop, isAsync: boolean): Evidence | undefined {
  if (loop.seenItems === 0) return undefined
  try {
    return evidenceOf(loop, 0, isAsync)
  } catch {
    // An item that cannot be read a second time has been run all the same.
    return undefined
  }
}
