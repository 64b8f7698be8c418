import { checkOptionalFunction } from '../../internal/check-common.js'
import { checkBoolean, checkKeys, describe } from '../../internal/validate.js'
import type { ScheduleOptions } from '../options.js'

/** Where a run keeps its checkpoint. */
export interface CheckpointOptions {
  /** Folder, made if it is not there. */
  readonly dir: string
  /** Name of the log in it, for a folder with several; letters, digits, `.`, `_` and `-`; default 'checkpoint'. */
  readonly name?: string | undefined
}

/** The options of a run that make it keep account of its items. */
export type RecorderOptions = Pick<ScheduleOptions, 'checkpoint' | 'deadLetter' | 'progress' | 'onProgress' | 'hooks'>

/**
 * Checks the options that say what account of a run is kept.
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

function checkPath(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a path (string); received ${describe(value)}`)
  if (value === '' || value.includes('\0')) throw new RangeError(`${name} must be a path; received ${describe(value)}`)
}

function checkFileName(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string; received ${describe(value)}`)
  if (!/^[\w-][\w.-]{0,199}$/.test(value)) {
    throw new RangeError(
      `${name} must be 1 to 200 letters, digits, '.', '_' or '-', not starting with '.'; received ${describe(value)}`,
    )
  }
}
