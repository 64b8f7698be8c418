import { accessSync, appendFileSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { TaskArgument } from './items/task-argument.js'
import { describeMachine, type Machine } from './machine.js'
import { ownVersion } from './project-packages.js'

/** One measurement of a run. */
export interface MeasuredTimes {
  readonly what: string
  readonly unit: 'ms' | 'ns'
  readonly samples: readonly number[]
}

/** A run to be saved. */
export interface RunToSave {
  readonly command: 'bench' | 'execute' | 'optimize' | 'tune' | 'compare'
  /** The task that was run; null for a command that has none. */
  readonly task: TaskArgument | null
  /** Number of items and a hash that identifies them (null if unknown); null if there are no items or their number is unknown. */
  readonly items: { readonly count: number; readonly digest: string | null } | null
  readonly measured: readonly MeasuredTimes[]
}

/** A saved run: one line of the history. */
export interface SavedRun extends RunToSave {
  /** Marks a line as written by this program, and gives the version of its format. */
  readonly amorsize: typeof FORM
  readonly at: string
  readonly version: string
  readonly machine: Machine
}

const FORM = 1

/** A line of the history file that is not a run. */
export interface BadLine {
  readonly line: number
  readonly why: string
}

/** The runs of a history, numbered from 1. Lines that cannot be read do not count. */
export interface History {
  readonly path: string
  readonly runs: readonly SavedRun[]
  readonly bad: readonly BadLine[]
}

/** Adds the option that saves a run. If the run cannot be saved, that is reported before anything is measured. */
export function withSaveFlag(command: Command): Command {
  return command
    .option('--save [file]', 'keep the figures for amorsize history, in a file or the usual place')
    .hook('preAction', () => checkSave(command.opts<{ save?: string | true }>().save))
}

/** The default file of the history, in the user's folder for the state of programs. */
export function usualHistory(
  environment: NodeJS.ProcessEnv = process.env,
  platform: string = process.platform,
): string {
  const { XDG_STATE_HOME: state, LOCALAPPDATA: local } = environment
  const folder =
    // The XDG Base Directory Specification says to ignore a relative path.
    state !== undefined && isAbsolute(state)
      ? state
      : platform === 'win32' && local !== undefined && local !== ''
        ? local
        : platform === 'darwin'
          ? join(homedir(), 'Library', 'Application Support')
          : join(homedir(), '.local', 'state')
  return join(folder, 'amorsize', 'history.ndjson')
}

/**
 * Reads a history. Damaged lines and lines of other programs are returned as `bad`; the file stays as it is.
 *
 * @throws {Error} when the file does not exist or cannot be read, or has lines but none of this program
 */
export function readHistory(path: string): History {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(
        `there is no history at ${path}; bench, compare, execute, optimize and tune add to it with --save`,
        { cause: error },
      )
    throw new Error(`the history ${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  const runs: SavedRun[] = []
  const bad: BadLine[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    const read = parseLine(line)
    if (typeof read === 'string') bad.push({ line: index + 1, why: read })
    else runs.push(read)
  })
  const [first] = bad
  if (runs.length === 0 && first !== undefined)
    throw new Error(`${path} is no history of amorsize: line ${first.line} ${first.why}`)
  return { path, runs, bad }
}

function readText(path: string): string {
  // Some devices never end.
  if (statSync(path).isCharacterDevice()) throw new Error('it is a device')
  return readFileSync(path, 'utf8')
}

/** Returns the run of a line, or a text that says what is wrong with the line. */
function parseLine(line: string): SavedRun | string {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'is not JSON'
  }
  if (typeof value !== 'object' || value === null || !('amorsize' in value)) return 'was not written by amorsize'
  if (value.amorsize !== FORM) return `has form ${JSON.stringify(value.amorsize)}, and this version reads form ${FORM}`
  const run = value as Partial<SavedRun>
  return isRun(run) ? run : 'lacks a part of what a run has'
}

function isRun(run: Partial<SavedRun>): run is SavedRun {
  const { command, at, measured, items, machine, task } = run
  return (
    typeof command === 'string' &&
    typeof at === 'string' &&
    typeof machine === 'object' &&
    (task === null || (typeof task?.url === 'string' && typeof task.export === 'string')) &&
    (items === null || typeof items?.count === 'number') &&
    Array.isArray(measured) &&
    measured.every(isMeasured)
  )
}

function isMeasured(value: unknown): boolean {
  const { what, samples } = (value ?? {}) as Partial<MeasuredTimes>
  return (
    typeof what === 'string' &&
    Array.isArray(samples) &&
    samples.length > 0 &&
    samples.every((sample) => typeof sample === 'number' && sample > 0)
  )
}

/** @throws {Error} when no run can be saved where `--save` says */
function checkSave(save: string | true | undefined): void {
  if (save === undefined) return
  const path = placeOf(save)
  existing(path)
  // No file or folder is made before there is a run to save.
  keep(path, () => checkWritable(resolve(path)))
}

/** @throws {Error} when `path` (absolute) cannot be written or, if it does not exist, its nearest existing folder cannot */
function checkWritable(path: string, isFolder = false): void {
  if (!existsSync(path) && dirname(path) !== path) {
    checkWritable(dirname(path), true)
    return
  }
  accessSync(path, constants.W_OK)
  if (isFolder && !statSync(path).isDirectory()) throw new Error(`${path} is no folder`)
}

const placeOf = (save: string | true): string => (save === true ? usualHistory() : save)

/** Does `work` on the history file at `path`. @throws {Error} naming the path, when `work` throws */
function keep(path: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new Error(`the run cannot be kept in ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Appends a run to a history if `--save` was given, and prints on standard error where. Existing lines are not changed.
 *
 * @param save - the value of `--save`: a file, true for the default file, undefined if the flag was not given
 * @throws {Error} when the file is not a history or cannot be written; the measurements have been printed by then
 */
export function saveRun(save: string | true | undefined, run: RunToSave): void {
  if (save === undefined) return
  const path = placeOf(save)
  const saved: SavedRun = {
    amorsize: FORM,
    at: new Date().toISOString(),
    version: ownVersion(),
    machine: describeMachine(),
    ...run,
  }
  const before = existing(path)
  // A single write, so that two programs do not mix their lines. A line that was cut off is ended first.
  keep(path, () => {
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, `${before.isCutOff ? '\n' : ''}${JSON.stringify(saved)}\n`)
  })
  process.stderr.write(`amorsize: kept as run ${before.runs + 1} in ${path}\n`)
}

/** @throws {Error} when the file is not a history or cannot be read */
function existing(path: string): { readonly runs: number; readonly isCutOff: boolean } {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { runs: 0, isCutOff: false }
    throw new Error(`the run cannot be kept in ${path}: ${(error as Error).message}`, { cause: error })
  }
  return { runs: readHistory(path).runs.length, isCutOff: text !== '' && !text.endsWith('\n') }
}
