import { checkKeys, describe } from '../internal/options/validate.js'

/** Follows a run's items, in the thread of the run. A run may have several. */
export interface RunRecorder {
  /** The result of `index` if an earlier run has finished it, so that it must not run again. */
  finishedBefore?(index: number): { readonly result: unknown } | undefined
  /** Called in order for each item as it is taken from the source, before it runs. May throw to refuse the run. */
  itemTaken?(index: number, item: unknown): void
  itemFinished?(index: number, result: unknown): void
  /** Called for an item that failed for good. */
  itemFailed?(index: number, item: unknown, error: unknown, attempts: number): void
  /** Resolves when everything it was given is safe. The run awaits this before it ends, and from time to time as back-pressure. */
  flush?(): Promise<void>
  /** Called once when the run has ended, well or not. */
  close?(): Promise<void>
}

/** Where a run keeps its checkpoint. */
export interface CheckpointOptions {
  /** Folder, made if it is not there. */
  readonly dir: string
  /** Name of the log in it, for a folder with several; letters, digits, `.`, `_` and `-`; default 'checkpoint'. */
  readonly name?: string | undefined
}

/** How far a run has come. */
export interface Progress {
  /** Items that have a result. */
  readonly completed: number
  /** Items that ended without a result. */
  readonly failed: number
  /** Number of items; `null` if the source does not say. */
  readonly total: number | null
  /** Share of items that have settled, 0–100; `null` while `total` is. */
  readonly percent: number | null
  /** Items settled per second, of late. */
  readonly itemsPerSecond: number
  /** Milliseconds since the run began. */
  readonly elapsedMs: number
  /** Milliseconds until the end at that rate; `null` while `total` is, and while the rate is 0. */
  readonly etaMs: number | null
}

/** The options of a run that make it record its items. */
export interface RecorderOptions {
  /** Called at most ten times per second, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Whether to show a bar on a terminal; default false. */
  readonly progress?: boolean | undefined
  /** File that gets one JSON line for each item that failed for good. */
  readonly deadLetter?: string | undefined
  /** Where to keep finished results, so that a run that was killed can be resumed. */
  readonly checkpoint?: CheckpointOptions | undefined
  /** Hooks of the run; only the one for progress counts here. */
  readonly hooks?: { readonly onProgress?: ((progress: Progress) => void) | undefined } | undefined
}

/** Whether any option asks for a record. */
export function keepsRecords({ onProgress, progress, deadLetter, checkpoint, hooks }: RecorderOptions): boolean {
  const asked = [onProgress, hooks?.onProgress, deadLetter, checkpoint].some((option) => option !== undefined)
  return asked || progress === true
}

/** @throws {TypeError} when it has the wrong type or an unknown key, {RangeError} when a path or name is empty or invalid */
export function checkCheckpoint(checkpoint: CheckpointOptions): void {
  checkKeys('checkpoint', checkpoint, ['dir', 'name'])
  checkPath('checkpoint.dir', checkpoint.dir)
  if (checkpoint.name !== undefined) checkFileName('checkpoint.name', checkpoint.name)
}

export function checkPath(name: string, value: unknown): void {
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
