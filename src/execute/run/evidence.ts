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

/** An item, and what has come of it. */
export type Example = Pick<Evidence, 'item' | 'result'>

/** What a loop shows about its items from `next` on. */
export function evidenceOf(loop: PlainLoop, next: number): Evidence {
  const { items, results } = loop
  return {
    pace: paceOf(loop),
    items: items.length - next,
    item: items[next],
    result: results[Math.max(0, next - 1)],
    isAsync: false,
    cpuShare: 1,
  }
}

/**
 * The first item of a loop that has ended; undefined where nothing can be learnt from it. To be taken before anyone has the results, who
 * may change them and the items at once.
 */
export function exampleOf({ items, results, seenItems }: PlainLoop): Example | undefined {
  if (seenItems === 0) return undefined
  try {
    return { item: items[0], result: results[0] }
  } catch {
    // An item that cannot be read a second time has been run all the same.
    return undefined
  }
}

/** What a loop shows that has ended. */
export function evidenceOfAll(loop: PlainLoop, example: Example): Evidence {
  return { ...example, pace: paceOf(loop), items: loop.next, isAsync: false, cpuShare: 1 }
}
