import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { RunRecorder } from '../../../dist/records/recorder.js'

/** What a run did. */
export interface RecordedRun {
  /** By index; a hole for an item that failed or was not reached. */
  readonly results: unknown[]
  /** Indices of the items that ran, in order. */
  readonly ran: number[]
}

/** A run as the engine does it, but one item after the other: takes, asks, runs, tells; flushes and closes at the end. */
export async function recordedRun(
  recorders: readonly RunRecorder[],
  items: Iterable<unknown>,
  task: (item: unknown, index: number) => unknown,
  options: { readonly stopAfter?: number; readonly leaveOpen?: boolean } = {},
): Promise<RecordedRun> {
  const results: unknown[] = []
  const ran: number[] = []
  try {
    let index = 0
    for (const item of items) {
      if (ran.length === options.stopAfter) break
      for (const recorder of recorders) recorder.itemTaken?.(index, item)
      const before = recorders.map((recorder) => recorder.finishedBefore?.(index)).find((found) => found !== undefined)
      if (before !== undefined) results[index] = before.result
      else {
        ran.push(index)
        try {
          const result = task(item, index)
          results[index] = result
          for (const recorder of recorders) recorder.itemFinished?.(index, result)
        } catch (error) {
          for (const recorder of recorders) recorder.itemFailed?.(index, item, error, 1)
        }
      }
      index++
    }
    for (const recorder of recorders) await recorder.flush?.()
  } finally {
    if (options.leaveOpen !== true) for (const recorder of recorders) await recorder.close?.()
  }
  return { results, ran }
}

/** A folder that is removed when the tests of this file have run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-runs-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
