import type { Run } from '../execute/run/run.js'
import type { Piece } from './pieces.js'

/** Gives the items of a piece what became of them: all at once where all are well. */
export function settleItems(
  run: Run,
  { start, items }: Piece,
  settled: readonly PromiseSettledResult<unknown>[],
): void {
  if (settled.every(({ status }) => status === 'fulfilled')) {
    const results = settled.map((one) => (one as PromiseFulfilledResult<unknown>).value)
    run.finishAll(start, results)
    return
  }
  settled.forEach((one, i) => {
    if (one.status === 'fulfilled') run.finish(start + i, one.value)
    else run.fail(start + i, items[i], one.reason, 1)
  })
}
