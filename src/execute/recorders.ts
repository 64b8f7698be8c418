import { checkOptionalFunction } from '../internal/check-common.js'
import type { Clock } from '../internal/clock.js'
import { openProgressBar, type ProgressBar } from '../internal/progress-bar.js'
import { checkBoolean, checkKeys, describe } from '../internal/validate.js'
import { Checkpoint, type CheckpointOptions, type RunIdentity } from './checkpoint.js'
import { DeadLetters } from './dead-letters.js'
import type { Progress, ScheduleOptions } from './options.js'
import { ProgressMeter } from './progress.js'
import type { RunRecorder } from './run-recorder.js'

/** The options of a run that make it keep account of its items. */
export type RecorderOptions = Pick<ScheduleOptions, 'checkpoint' | 'deadLetter' | 'progress' | 'onProgress' | 'hooks'>

/**
 * Checks the options that {@link recordersOf} reads.
 *
 * @throws {TypeError} when one has the wrong type or an unknown key, {RangeError} when a path or name is empty or no file name
 */
export function checkRecorderOptions(options: RecorderOptions): void {
  const { checkpoint, deadLetter, progress, onProgress } = options
  if (checkpoint !== undefined) {
    checkKeys('checkpoint', checkpoint, ['dir', 'name'])
    checkPath('checkpoint.dir', checkpoint.dir)
    if (checkpoint.name !== undefined) checkFileName('checkpoint.name', checkpoint.name)
  }
  if (deadLetter !== undefined) checkPath('deadLetter', deadLetter)
  if (progress !== undefined) checkBoolean('progress', progress)
  checkOptionalFunction('onProgress', onProgress)
}

/**
 * Returns what keeps account of a run, in the order it is to be told; nothing, at no cost, where no option asks for it.
 *
 * @param identity - what a checkpoint belongs to
 * @param clock - what time the progress goes by
 * @throws {ExecutionError} ERR_EXECUTION when a file cannot be written, or a checkpoint belongs to another run or is in use
 */
export function recordersOf(options: RecorderOptions, identity: RunIdentity, clock?: Clock): Promise<RunRecorder[]> | RunRecorder[] {
  checkRecorderOptions(options)
  const { checkpoint, deadLetter, progress = false, onProgress, hooks } = options
  const listeners = [onProgress, hooks?.onProgress].filter((listener) => listener !== undefined)
  if (checkpoint === undefined && deadLetter === undefined && !progress && listeners.length === 0) return []
  return openRecorders(checkpoint, deadLetter, progress, listeners, identity, clock)
}

async function openRecorders(
  checkpoint: CheckpointOptions | undefined,
  deadLetter: string | undefined,
  progress: boolean,
  listeners: ((progress: Progress) => void)[],
  identity: RunIdentity,
  clock: Clock | undefined,
): Promise<RunRecorder[]> {
  const recorders: RunRecorder[] = []
  try {
    const log = checkpoint === undefined ? undefined : await Checkpoint.open(checkpoint, identity)
    if (log !== undefined) recorders.push(log)
    if (deadLetter !== undefined) recorders.push(await DeadLetters.open(deadLetter))
    const bar = progress ? await openProgressBar(process.stderr) : null
    if (bar !== null) listeners.push((state) => bar.update(state))
    const wasFinished = log === undefined ? undefined : (index: number): boolean => log.has(index)
    if (listeners.length > 0) recorders.push(new ProgressMeter(identity.total, listeners, wasFinished, clock))
    if (bar !== null) recorders.push(stopping(bar))
    return recorders
  } catch (error) {
    for (const recorder of recorders) await recorder.close?.()
    throw error
  }
}

/** Comes after the meter, so that the bar's last state is the last of the run. */
function stopping(bar: ProgressBar): RunRecorder {
  return {
    close: () => {
      bar.stop()
      return Promise.resolve()
    },
  }
}

function checkPath(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a path (string); received ${describe(value)}`)
  if (value === '' || value.includes('\0')) throw new RangeError(`${name} must be a path; received ${describe(value)}`)
}

function checkFileName(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string; received ${describe(value)}`)
  if (!/^[\w-][\w.-]{0,199}$/.test(value)) {
    throw new RangeError(`${name} must be 1 to 200 letters, digits, '.', '_' or '-', not starting with '.'; received ${describe(value)}`)
  }
}
