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

/** A run as it is given to be kept. */
export interface RunToSave {
  readonly command: 'bench' | 'execute' | 'optimize' | 'tune' | 'compare'
  /** The task that was run; null for a command that has none. */
  readonly task: TaskArgument | null
  /** The number of items, and a hash that recognizes equal ones; null if that is not known. */
  readonly items: { readonly count: number; readonly digest: string | null } | null
  readonly measured: readonly MeasuredTimes[]
}

/** A run as it is kept: one line. */
export interface SavedRun extends RunToSave {
  /** Marks a line as one of this program, and the version of its form. */
  readonly amorsize: typeof FORM
  readonly at: string
  readonly version: string
  readonly machine: Machine
}

const FORM = 1

/** A line of the history that is none. */
export interface BadLine {
  readonly line: number
  readonly why: string
}

/** The runs of a history. They are numbered from 1, by their lines that can be read. */
export interface History {
  readonly path: string
  readonly runs: readonly SavedRun[]
  readonly bad: readonly BadLine[]
}

/** Adds the option that keeps a run. If it cannot be kept, that is reported before anything is measured. */
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
    // A relative one counts as none, by the XDG Base Directory Specification.
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
 * Reads a history. A line that is damaged, or of another program, is reported and left where it is.
 *
 * @throws {Error} when there is no such file, it cannot be read, or no line of it is one of this program
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
  // Some devices have no end.
  if (statSync(path).isCharacterDevice()) throw new Error('it is a device')
  return readFileSync(path, 'utf8')
}

/** The run of a line; or, as text, what is wrong with it. */
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

/** @throws {Error} when no run can be kept where `--save` wants it */
function checkSave(save: string | true | undefined): void {
  if (save === undefined) return
  const path = placeOf(save)
  existing(path)
  // Nothing is made before there is a run to keep.
  keep(path, () => checkWritable(resolve(path)))
}

/** @throws {Error} when an absolute path, or else the nearest of its folders that is there, cannot be written */
function checkWritable(path: string, isFolder = false): void {
  if (!existsSync(path) && dirname(path) !== path) {
    checkWritable(dirname(path), true)
    return
  }
  accessSync(path, constants.W_OK)
  if (isFolder && !statSync(path).isDirectory()) throw new Error(`${path} is no folder`)
}

const placeOf = (save: string | true): string => (save === true ? usualHistory() : save)

/** Does what is to be done at the place of a history. @throws {Error} when it cannot be */
function keep(path: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw new Error(`the run cannot be kept in ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Adds a run to a history, if that was asked for, and says on standard error where. Nothing that is there is changed.
 *
 * @param save - what `--save` was given: a file, true for the usual one, undefined for none
 * @throws {Error} when the file is of something else, or cannot be written; what was measured has been printed before
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
  // One write, so that two programs do not mix their lines. A line that was cut off gets its end.
  keep(path, () => {
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, `${before.isCutOff ? '\n' : ''}${JSON.stringify(saved)}\n`)
  })
  process.stderr.write(`amorsize: kept as run ${before.runs + 1} in ${path}\n`)
}

/** @throws {Error} for a file that is no history */
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
