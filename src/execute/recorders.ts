import { checkOptionalFunction } from '../internal/check-common.js'
import type { Clock } from '../internal/clock.js'
import { checkBoolean, checkKeys, describe } from '../internal/validate.js'
import type { RunIdentity } from './checkpoint.js'
import type { Wanted } from './open-recorders.js'
import type { ScheduleOptions } from './options.js'
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
  return openLater({ checkpoint, deadLetter, progress, listeners, identity, clock })
}

/** Files, checksums and bars: most programs that import this package need none of it. */
async function openLater(wanted: Wanted): Promise<RunRecorder[]> {
  const { openRecorders } = await import('./open-recorders.js')
  return openRecorders(wanted)
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
