import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { type CheckpointHeader, FileWindow, FORMAT_VERSION, readHeader, readRecords } from './checkpoint-format.js'
import { digestOf } from './item-digest.js'
import type { CheckpointOptions } from './recorder.js'

const LONGEST_NAME = 200
const SHOWN_SOURCE = 80
const FIRST_CAPACITY = 1024

/** Identity of a run, for its checkpoint. */
export interface RunIdentity {
  /** URL and export of the task, or the source of the function. */
  readonly task: string
  /** Number of items, null if it is not known. */
  readonly total: number | null
}

/** The place in the log of each finished item's result, and the digest of that item: twelve bytes for each index. */
export class FinishedItems {
  /** 0 stands for none: the log's header is there. */
  #positions = new Float64Array(FIRST_CAPACITY)
  #digests = new Uint32Array(FIRST_CAPACITY)
  count = 0

  add(index: number, position: number, digest: number): void {
    if (index >= this.#positions.length) this.#grow(index + 1)
    if (this.#positions[index] === 0) this.count++
    this.#positions[index] = position
    this.#digests[index] = digest
  }

  /** The start of the item's record; undefined if there is none. */
  positionOf(index: number): number | undefined {
    const position = this.#positions[index]
    return position === 0 ? undefined : position
  }

  /** The digest of the item; undefined if it has not been finished. */
  digestOf(index: number): number | undefined {
    return this.positionOf(index) === undefined ? undefined : this.#digests[index]
  }

  #grow(length: number): void {
    const capacity = Math.max(length, 2 * this.#positions.length)
    const positions = new Float64Array(capacity)
    positions.set(this.#positions)
    this.#positions = positions
    const digests = new Uint32Array(capacity)
    digests.set(this.#digests)
    this.#digests = digests
  }
}

/** The contents of a log by earlier runs. */
export interface CheckpointLog {
  readonly finished: FinishedItems
  /** How many items they took, and the checksum of those. */
  readonly taken: { readonly count: number; readonly running: number }
  readonly end: number
}

/** The file of a log, and its start: for {@link Checkpoint} and for those that only read it. */
export function pathOf({ dir, name = 'checkpoint' }: CheckpointOptions): string {
  return resolve(join(dir, `${name}.log`))
}

export function headerOf({ task, total }: RunIdentity): CheckpointHeader {
  return { version: FORMAT_VERSION, task: nameOf(task), total }
}

/**
 * Reads a log of `size` bytes, up to what a kill left half-written.
 *
 * @returns undefined if not even the header is whole
 * @throws {ExecutionError} ERR_EXECUTION when it is no log, damaged, or belongs to another task or other items
 */
export async function readLog(
  window: FileWindow,
  size: number,
  path: string,
  header: CheckpointHeader,
): Promise<CheckpointLog | undefined> {
  const found = readHeader(window, size)
  if (found === 'cut off') return undefined
  if (found === 'not a log' || found === 'damaged') {
    const what = found === 'damaged' ? 'is damaged in its first record' : 'is no checkpoint of this package'
    throw runError(`'${path}' ${what}; choose another name or folder, or remove it`)
  }
  refuseOthers(path, found.header, header)
  const finished = new FinishedItems()
  const taken = { count: 0, running: 0 }
  const end = await readRecords(window, found.end, size, (head, at) => {
    if (head.kind === 'finished') finished.add(head.position, at, head.checksum)
    else if (head.position > taken.count) Object.assign(taken, { count: head.position, running: head.checksum })
  })
  return { finished, taken, end }
}

/** A long source of a function is replaced by its beginning and a hash of the whole. */
function nameOf(task: string): string {
  if (task.length <= LONGEST_NAME) return task
  const hash = createHash('sha256').update(task).digest('hex')
  return `${task.slice(0, SHOWN_SOURCE)}… sha256 ${hash.slice(0, 32)}`
}

function refuseOthers(path: string, found: CheckpointHeader, wanted: CheckpointHeader): void {
  const advice = 'choose another name or folder, or remove it'
  if (found.version !== FORMAT_VERSION)
    throw runError(`the checkpoint '${path}' is of a later version of this package; ${advice}`)
  if (found.task !== wanted.task)
    throw runError(`the checkpoint '${path}' belongs to another task (${found.task}, not ${wanted.task}); ${advice}`)
  if (found.total !== null && wanted.total !== null && found.total !== wanted.total) {
    throw runError(
      `the checkpoint '${path}' belongs to other items: there were ${found.total}, now there are ${wanted.total}; ${advice}`,
    )
  }
}

/** The error for an item that differs from the one of an earlier run. */
export function refuseItem(path: string, how: string): Error {
  return runError(
    `the checkpoint '${path}' belongs to other items: ${how}; choose another name or folder, or remove it`,
  )
}

/** A log as it is now, before any run: nothing is locked or changed. */
export class EarlierRuns {
  readonly #path: string
  readonly #finished: FinishedItems

  private constructor(path: string, finished: FinishedItems) {
    this.#path = path
    this.#finished = finished
  }

  /**
   * Reads the log of a checkpoint, if there is one.
   *
   * @throws {ExecutionError} ERR_EXECUTION when it cannot be read, is no log, damaged, or belongs to another task or other items
   */
  static async read(options: CheckpointOptions, identity: RunIdentity): Promise<EarlierRuns> {
    const path = pathOf(options)
    try {
      const file = await open(path)
      try {
        const { size } = await file.stat()
        const log = await readLog(new FileWindow(file), size, path, headerOf(identity))
        return new EarlierRuns(path, log?.finished ?? new FinishedItems())
      } finally {
        await file.close()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return new EarlierRuns(path, new FinishedItems())
      throw code === 'ERR_EXECUTION'
        ? error
        : runError(`the checkpoint '${path}' cannot be read: ${messageOf(error)}`, error)
    }
  }

  get count(): number {
    return this.#finished.count
  }

  /**
   * Whether the item has been finished.
   *
   * @throws {ExecutionError} ERR_EXECUTION when another item had that index
   */
  has(index: number, item: unknown): boolean {
    const digest = this.#finished.digestOf(index)
    if (digest !== undefined && digest !== digestOf(item))
      throw refuseItem(this.#path, `item ${index} is not the one that was finished`)
    return digest !== undefined
  }
}
