import type { Run } from '../execute/run/run.js'
import { callWithPolicies } from '../execute/task.js'
import { realNow, realSetImmediate } from '../internal/time/real-timers.js'
import type { Piece } from './pieces.js'
import { valuesOf } from './values.js'

/** Settles the items of a piece: all at once if all have succeeded. */
export function settleItems(
  run: Run,
  { start, items }: Piece,
  settled: readonly PromiseSettledResult<unknown>[],
): void {
  const values = valuesOf(settled)
  if (values !== undefined) {
    run.finishAll(start, values)
    return
  }
  settled.forEach((one, i) => {
    if (one.status === 'fulfilled') run.finish(start + i, one.value)
    else run.fail(start + i, items[i], one.reason, 1)
  })
}

/** How long items may occupy the event loop. */
const SLICE_MS = 4

/** Runs the items of a piece in this thread, one after the other, each with the time limit of the run. */
export async function runHere(run: Run, { start, items }: Piece): Promise<void> {
  const call = callWithPolicies(run.task, run.options, () => run.signal)
  let sliceEndMs = realNow() + SLICE_MS
  for (const [i, item] of items.entries()) {
    if (run.isOver) return
    try {
      run.finish(start + i, await call(item))
    } catch (error) {
      run.fail(start + i, item, error, 1)
    }
    if (realNow() < sliceEndMs) continue
    await new Promise((resolve) => realSetImmediate(resolve))
    sliceEndMs = realNow() + SLICE_MS
  }
}
