import type { EarlierRuns, RunIdentity } from './checkpoint-log.js'
import { keepsRecords, type RecorderOptions, type RunRecorder } from './recorder.js'

/**
 * The recorders of a run, in the order in which they are called; none, at no cost, if no option asks for one.
 *
 * @param identity - of the run that a checkpoint belongs to
 * @throws {ExecutionError} ERR_EXECUTION when a file cannot be written, or a checkpoint belongs to another run or is in use
 */
export async function recordersOf(options: RecorderOptions, identity: RunIdentity): Promise<RunRecorder[]> {
  if (!keepsRecords(options)) return []
  // Most programs that import this package need none of this: files, checksums and bars.
  const { openRecorders } = await import('./open-recorders.js')
  return openRecorders(options, identity)
}

/** Reads a checkpoint before its run begins; undefined, at no cost, without one. */
export async function earlierRunsOf(
  { checkpoint }: RecorderOptions,
  identity: RunIdentity,
): Promise<EarlierRuns | undefined> {
  if (checkpoint === undefined) return undefined
  const { EarlierRuns } = await import('./open-recorders.js')
  return EarlierRuns.read(checkpoint, identity)
}
