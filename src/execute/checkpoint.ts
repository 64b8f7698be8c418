import { createHash } from 'node:crypto'
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { AppendFile } from './append-file.js'
import { type CheckpointHeader, decodeResult, encodeFinished, encodeHeader, encodeTaken, FORMAT_VERSION } from './checkpoint-format.js'
import { CheckpointLock } from './checkpoint-lock.js'
import { FileWindow, readHeader, readRecords, resultBytes } from './checkpoint-reader.js'
import { FinishedItems } from './finished-items.js'
import { chained, digestOf } from './item-digest.js'
import { messageOf, runError } from './run-error.js'
import type { CheckpointOptions } from './recorder-options.js'
import type { RunRecorder } from './run-recorder.js'

const LONGEST_NAME = 200
const SHOWN_SOURCE = 80

/** What a run is, as far as its checkpoint is concerned. */
export interface RunIdentity {
  /** URL and export of the task, or a hash of the function's source. */
  readonly task: string
  /** Number of items, null where it is not known. */
  readonly total: number | null
}

/**
 * The account of finished items and their results in an append-only log, `<dir>/<name>.log`. A run that was killed and is started
 * again takes the results from there; a log of another task or of other items is refused.
 */
export class Checkpoint implements RunRecorder {
  readonly #file: AppendFile
  readonly #lock: CheckpointLock
  readonly #window: FileWindow
  readonly #finished: FinishedItems
  /** Digests of the items that are on their way. */
  readonly #digests = new Map<number, number>()
  /** How many items earlier runs took, and their checksum. */
  readonly #takenBefore: { readonly count: number; readonly running: number }
  #taken = 0
  #running = 0
  #recordedTaken = 0

  private constructor(file: AppendFile, lock: CheckpointLock, log: ReadLog) {
    this.#file = file
    this.#lock = lock
    this.#window = log.window
    this.#finished = log.finished
    this.#takenBefore = log.taken
  }

  /**
   * Opens the checkpoint for a run, and cuts off what a kill left half-written.
   *
   * @throws {ExecutionError} ERR_EXECUTION when it belongs to another task or other items, is in use, damaged, or cannot be written
   */
  static async open(options: CheckpointOptions, identity: RunIdentity): Promise<Checkpoint> {
    const path = resolve(join(options.dir, `${options.name ?? 'checkpoint'}.log`))
    await makeDirectory(dirname(path)).catch((error: unknown) => {
      throw runError(`the checkpoint '${path}' cannot be written: ${messageOf(error)}`, error)
    })
    const lock = await CheckpointLock.acquire(path)
    try {
      const file = await AppendFile.open(path, 'the checkpoint', true)
      try {
        return new Checkpoint(file, lock, await readLog(file, { version: FORMAT_VERSION, task: nameOf(identity.task), total: identity.total }))
      } catch (error) {
        await file.handle.close()
        throw error
      }
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Whether an earlier run finished the item. */
  has(index: number): boolean {
    return this.#finished.positionOf(index) !== undefined
  }

  finishedBefore(index: number): { readonly result: unknown } | undefined {
    const position = this.#finished.positionOf(index)
    if (position === undefined) return undefined
    try {
      return { result: decodeResult(resultBytes(this.#window, position)) }
    } catch (error) {
      throw runError(`the result of item ${index} in the checkpoint '${this.#file.path}' cannot be read: ${messageOf(error)}`, error)
    }
  }

  itemTaken(index: number, item: unknown): void {
    if (this.#file.failure !== undefined) throw this.#file.failure
    const digest = digestOf(item)
    const expected = this.#finished.digestOf(index)
    if (expected === undefined) this.#digests.set(index, digest)
    else if (expected !== digest) throw this.#otherItems(`item ${index} is not the one that was finished`)
    this.#taken = index + 1
    this.#running = chained(this.#running, digest)
    const { count, running } = this.#takenBefore
    if (this.#taken === count && this.#running !== running) throw this.#otherItems(`the first ${count} are not those it was started with`)
  }

  itemFinished(index: number, result: unknown): void {
    const digest = this.#digests.get(index)
    if (digest === undefined) return // finished by an earlier run
    this.#digests.delete(index)
    let record
    try {
      record = encodeFinished(index, digest, result)
    } catch (error) {
      this.#file.fail(runError(`the result of item ${index} cannot be kept in a checkpoint: ${messageOf(error)}`, error))
      return
    }
    if (this.#taken > this.#recordedTaken && this.#taken > this.#takenBefore.count) {
      this.#recordedTaken = this.#taken
      this.#file.append(encodeTaken(this.#taken, this.#running))
    }
    this.#file.append(record)
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

  #otherItems(how: string): Error {
    return runError(`the checkpoint '${this.#file.path}' belongs to other items: ${how}; choose another name or folder, or remove it`)
  }
}

interface ReadLog {
  readonly window: FileWindow
  readonly finished: FinishedItems
  readonly taken: { readonly count: number; readonly running: number }
}

/** Reads what earlier runs left, cuts off what is not whole, and starts the log where there is none. */
async function readLog(file: AppendFile, header: CheckpointHeader): Promise<ReadLog> {
  const window = new FileWindow(file.handle)
  const finished = new FinishedItems()
  const taken = { count: 0, running: 0 }
  const { size } = await file.handle.stat()
  const found = readHeader(window, size)
  if (found === 'not a log' || found === 'damaged') {
    const what = found === 'damaged' ? 'is damaged in its first record' : 'is no checkpoint of this package'
    throw runError(`'${file.path}' ${what}; choose another name or folder, or remove it`)
  }
  if (found === 'cut off') {
    await file.handle.truncate(0)
    file.append(encodeHeader(header))
    await file.flush()
    await syncFolder(dirname(file.path))
    return { window: new FileWindow(file.handle), finished, taken }
  }
  refuseOthers(file.path, found.header, header)
  const end = await readRecords(window, found.end, size, (head, at) => {
    if (head.kind === 'finished') finished.add(head.position, at, head.checksum)
    else if (head.position > taken.count) Object.assign(taken, { count: head.position, running: head.checksum })
  })
  if (end < size) await file.handle.truncate(end)
  return { window, finished, taken }
}

/** The source of a function may be long: then its beginning and a hash of it all stand for it. */
function nameOf(task: string): string {
  if (task.length <= LONGEST_NAME) return task
  const hash = createHash('sha256').update(task).digest('hex')
  return `${task.slice(0, SHOWN_SOURCE)}… sha256 ${hash.slice(0, 32)}`
}

function refuseOthers(path: string, found: CheckpointHeader, wanted: CheckpointHeader): void {
  const advice = 'choose another name or folder, or remove it'
  if (found.version !== FORMAT_VERSION) throw runError(`the checkpoint '${path}' is of a later version of this package; ${advice}`)
  if (found.task !== wanted.task) throw runError(`the checkpoint '${path}' belongs to another task (${found.task}, not ${wanted.task}); ${advice}`)
  if (found.total !== null && wanted.total !== null && found.total !== wanted.total) {
    throw runError(`the checkpoint '${path}' belongs to other items: there were ${found.total}, now there are ${wanted.total}; ${advice}`)
  }
}

/** Makes sure that the log is still in its folder after a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder)
    await handle.sync().finally(() => handle.close())
  } catch {
    // Not every system can do that to a folder; where it can, the log has been written already.
  }
}

/** Makes a directory and those above it. Not by Node's recursive `mkdir`, which goes on for ever where the system lets nobody make one (`/proc`). */
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
