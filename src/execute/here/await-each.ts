import { isThenable, SLICE_MS } from '../model/pace.js'
import { BLOCK_MS, type PlainLoop, timed } from './plain-loop.js'

/** Why it has stopped: all items have ended, an item keeps waiting, it is time for the event loop, or there may be a better way. */
export type AwaitingEnd = 'done' | 'stuck' | 'time' | 'worthwhile'

/**
 * Goes on with a loop where the first promise came up, one item after the other, while nothing else would be better: items that
 * settle without waiting for anything.
 *
 * @param isWorthwhile - whether to stop and think, asked after each block with the milliseconds that remain
 * @returns 'stuck' when an item keeps waiting, whose promise `loop.pending` then holds
 */
export async function awaitEach(loop: PlainLoop, isWorthwhile: (restMs: number) => boolean): Promise<AwaitingEnd> {
  const { call, items, results } = loop
  let result: unknown = loop.pending ?? call(items[loop.next])
  let block = 1
  let inBlock = 0
  let nowMs = performance.now()
  const endMs = nowMs + SLICE_MS
  for (;;) {
    if (isThenable(result)) {
      // What is no promise may begin its work with each `then`, as a query does: whoever awaits it in the end, it is called once.
      const promise = Promise.resolve(result)
      loop.pending = promise
      const settled = await settledSoon(promise)
      if (settled === undefined) return 'stuck'
      results[loop.next] = settled.value
      loop.pending = undefined
    } else {
      results[loop.next] = result
    }
    // The task may have shortened the array.
    if (++loop.next >= items.length) {
      results.length = loop.next
      return 'done'
    }
    if (++inBlock >= block) {
      const startedMs = nowMs
      nowMs = performance.now()
      timed(loop, inBlock, nowMs - startedMs)
      inBlock = 0
      const itemMs = loop.lastMs / loop.lastItems
      block = Math.max(1, Math.min(block * 4, Math.floor(BLOCK_MS / itemMs)))
      if (isWorthwhile((items.length - loop.next) * itemMs)) return 'worthwhile'
      if (nowMs >= endMs) return 'time'
    }
    result = call(items[loop.next])
  }
}

/** What `promise` settles with if it does so within a few rounds of the microtask queue; its failure comes through. */
async function settledSoon(promise: Promise<unknown>): Promise<{ readonly value: unknown } | undefined> {
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
