import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { AppendFile } from './append-file.js'
import { CheckpointLock } from './checkpoint-lock.js'
import {
  EarlierRuns,
  finishedLine,
  headerLine,
  pathOf,
  readLog,
  readResult,
  refuseItem,
  type RunIdentity,
  type TakenItems,
} from './checkpoint-log.js'
import { chained, digestOf } from './item-digest.js'
import type { CheckpointOptions, RunRecorder } from './recorder.js'

/**
 * Finished items and their results in an append-only log, `<dir>/<name>.log`. A run that was killed and is started
 * again takes the results from there; a log of another task or of other items is refused.
 */
export class Checkpoint implements RunRecorder {
  readonly #file: AppendFile
  readonly #lock: CheckpointLock
  readonly #earlier: EarlierRuns
  /** Digests of the items under way. */
  readonly #digests = new Map<number, number>()
  #taken: TakenItems = { count: 0, running: 0 }

  private constructor(file: AppendFile, lock: CheckpointLock, earlier: EarlierRuns) {
    this.#file = file
    this.#lock = lock
    this.#earlier = earlier
  }

  /**
   * Opens the checkpoint for a run.
   *
   * @throws {ExecutionError} ERR_EXECUTION when it belongs to another task or other items, is in use, damaged, or cannot be written
   */
  static async open(options: CheckpointOptions, identity: RunIdentity): Promise<Checkpoint> {
    const path = pathOf(options)
    await makeDirectory(dirname(path)).catch((error: unknown) => {
      throw runError(`the checkpoint '${path}' cannot be written: ${messageOf(error)}`, error)
    })
    const lock = await CheckpointLock.acquire(path)
    try {
      const file = await AppendFile.open(path, 'the checkpoint', true)
      try {
        return new Checkpoint(file, lock, await openLog(file, identity))
      } catch (error) {
        await file.handle.close()
        throw error
      }
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** How many items earlier runs have finished. */
  get finishedCount(): number {
    return this.#earlier.count
  }

  has(index: number): boolean {
    return this.#earlier.finished.positionOf(index) !== undefined
  }

  finishedBefore(index: number): { readonly result: unknown } | undefined {
    const position = this.#earlier.finished.positionOf(index)
    if (position === undefined) return undefined
    try {
      return { result: readResult(this.#file.handle, position) }
    } catch (error) {
      throw runError(
        `the result of item ${index} in the checkpoint '${this.#file.path}' cannot be read: ${messageOf(error)}`,
        error,
      )
    }
  }

  itemTaken(index: number, item: unknown): void {
    if (this.#file.failure !== undefined) throw this.#file.failure
    const digest = digestOf(item)
    if (!this.#earlier.has(index, item, digest)) this.#digests.set(index, digest)
    this.#taken = { count: index + 1, running: chained(this.#taken.running, digest) }
    const { count, running } = this.#earlier.taken
    if (this.#taken.count === count && this.#taken.running !== running)
      throw refuseItem(this.#file.path, `the first ${count} are not those it was started with`)
  }

  itemFinished(index: number, result: unknown): void {
    const digest = this.#digests.get(index)
    if (digest === undefined) return // finished by an earlier run
    this.#digests.delete(index)
    try {
      this.#file.append(finishedLine(index, digest, this.#taken, result))
    } catch (error) {
      this.#file.fail(
        runError(`the result of item ${index} cannot be kept in a checkpoint: ${messageOf(error)}`, error),
      )
    }
  }

  itemFailed(index: number): void {
    this.#digests.delete(index)
  }

  flush(): Promise<void> {
    return this.#file.flush()
  }

  async close(): Promise<void> {
    try {
      await this.#file.close()
    } finally {
      await this.#lock.release()
    }
  }
}

/** Reads the log of earlier runs, or begins one if there is none. */
async function openLog(file: AppendFile, identity: RunIdentity): Promise<EarlierRuns> {
  const log = await readLog(file.handle, file.path, identity)
  if (log !== undefined) {
    await file.beginLine()
    return log
  }
  await file.handle.truncate(0)
  file.append(headerLine(identity))
  await file.flush()
  await syncFolder(dirname(file.path))
  return new EarlierRuns(file.path)
}

/** Makes sure that the log is still in its folder after a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder)
    await handle.sync().finally(() => handle.close())
  } catch {
    // Not every system can sync a folder; the log itself has been written already.
  }
}

/** Makes a directory and its parents. Node's recursive `mkdir` never ends if the system refuses all of them, as in `/proc`. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await mkdir(path)
  }
}
