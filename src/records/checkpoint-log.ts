import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DefaultDeserializer, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { readLines } from './append-file.js'
import { digestOf } from './item-digest.js'
import type { CheckpointOptions } from './recorder.js'

/**
 * Each line of a log is a JSON array, whose last element is a checksum of what comes before it:
 *
 *     header    "amorsize checkpoint", version, task, number of items or null
 *     finished  index, digest of the item, items taken so far, running checksum of those, result as v8.serialize writes it in base64
 */
const MAGIC = '["amorsize checkpoint",'
const VERSION = 2
/** The beginning of logs of version 1. */
const EARLIER = 'AMSZCKP1'
const FINISHED = /^\[(\d+),(\d+),(\d+),(\d+),"/
const LONGEST_HEAD = 80
/** First guess at the length of a line: most results are not longer. */
const LINE_BYTES = 4096

const LONGEST_NAME = 200
const SHOWN_SOURCE = 80
const FIRST_CAPACITY = 1024

/** Identifies a run for its checkpoint. */
export interface RunIdentity {
  /** URL and export of the task, or the source of the function. */
  readonly task: string
  /** Number of items, null if it is not known. */
  readonly total: number | null
}

/** The place in the log of each finished item's result, and the digest of that item: twelve bytes for each index. */
class FinishedItems {
  /** Where each item's line starts; 0 stands for none, as the log's header is there. */
  #positions = new Float64Array(FIRST_CAPACITY)
  #digests = new Uint32Array(FIRST_CAPACITY)
  count = 0

  add(index: number, position: number, digest: number): void {
    if (index >= this.#positions.length) this.#grow(index + 1)
    if (this.#positions[index] === 0) this.count++
    this.#positions[index] = position
    this.#digests[index] = digest
  }

  /** The start of the item's line; undefined if there is none. */
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

/** How many items a run has taken, and a running checksum of them. */
export interface TakenItems {
  readonly count: number
  readonly running: number
}

/** The items that earlier runs recorded in a log. */
export class EarlierRuns {
  readonly #path: string
  readonly finished = new FinishedItems()
  taken: TakenItems = { count: 0, running: 0 }

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Reads the log of a checkpoint as it is now, if there is one. Nothing is locked or changed.
   *
   * @throws {ExecutionError} ERR_EXECUTION when it cannot be read, is no log, damaged, or belongs to another task or other items
   */
  static async read(options: CheckpointOptions, identity: RunIdentity): Promise<EarlierRuns> {
    const path = pathOf(options)
    try {
      const file = await open(path)
      try {
        return (await readLog(file, path, identity)) ?? new EarlierRuns(path)
      } finally {
        await file.close()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return new EarlierRuns(path)
      throw code === 'ERR_EXECUTION'
        ? error
        : runError(`the checkpoint '${path}' cannot be read: ${messageOf(error)}`, error)
    }
  }

  get count(): number {
    return this.finished.count
  }

  /**
   * Whether the item has been finished.
   *
   * @throws {ExecutionError} ERR_EXECUTION when another item had that index
   */
  has(index: number, item: unknown, digest = digestOf(item)): boolean {
    const found = this.finished.digestOf(index)
    if (found !== undefined && found !== digest)
      throw refuseItem(this.#path, `item ${index} is not the one that was finished`)
    return found !== undefined
  }
}

/** Path of a checkpoint's log: for {@link Checkpoint} and for those that only read it. */
export function pathOf({ dir, name = 'checkpoint' }: CheckpointOptions): string {
  return resolve(join(dir, `${name}.log`))
}

export function headerLine({ task, total }: RunIdentity): Buffer {
  return lineOf(['amorsize checkpoint', VERSION, nameOf(task), total])
}

/** @throws the error of `v8.serialize` if a result cannot be cloned */
export function finishedLine(index: number, digest: number, taken: TakenItems, result: unknown): Buffer {
  return lineOf([index, digest, taken.count, taken.running, serialize(result).toString('base64')])
}

function lineOf(values: readonly unknown[]): Buffer {
  const text = JSON.stringify(values).slice(0, -1)
  return Buffer.from(`${text},${crc32(text)}]\n`)
}

function isWhole(line: Buffer): boolean {
  const end = line.lastIndexOf(',')
  return end >= 0 && line.toString('latin1', end) === `,${crc32(line.subarray(0, end))}]`
}

/**
 * Reads the intact lines of a log, and skips those that a kill cut off or that are damaged.
 *
 * @returns undefined if not even the header is whole
 * @throws {ExecutionError} ERR_EXECUTION when it is no log, damaged, or belongs to another task or other items
 */
export async function readLog(file: FileHandle, path: string, identity: RunIdentity): Promise<EarlierRuns | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0)
  const start = buffer.toString('latin1', 0, bytesRead)
  if (start.startsWith(EARLIER))
    throw refusal(path, 'is of an earlier version of this package, which alone can go on with it')
  if (!MAGIC.startsWith(start)) throw refusal(path, 'is no checkpoint of this package')
  const log = new EarlierRuns(path)
  const end = await readLines(file, (line, at) => {
    if (at === 0) {
      if (!isWhole(line)) throw refusal(path, 'is damaged in its first record')
      refuseOthers(path, JSON.parse(line.toString()) as Header, identity)
      return
    }
    const head = FINISHED.exec(line.toString('latin1', 0, LONGEST_HEAD))
    if (head === null || !isWhole(line)) return
    const [index, digest, count, running] = head.slice(1).map(Number) as [number, number, number, number]
    log.finished.add(index, at, digest)
    if (count > log.taken.count) log.taken = { count, running }
  })
  return end === 0 ? undefined : log
}

/** Returns the result of a finished item whose line, which has been read before, starts at `at`. */
export function readResult({ fd }: FileHandle, at: number): unknown {
  for (let size = LINE_BYTES; ; size *= 8) {
    const bytes = Buffer.allocUnsafe(size)
    const length = readSync(fd, bytes, 0, size, at)
    const end = bytes.subarray(0, length).indexOf('\n')
    if (end < 0 && length === size) continue
    const [, , , , result] = JSON.parse(bytes.toString('latin1', 0, end)) as [...number[], string]
    const reader = new CopyingDeserializer(Buffer.from(result as string, 'base64'))
    reader.readHeader()
    return reader.readValue()
  }
}

type View = NodeJS.ArrayBufferView & { slice?: () => NodeJS.ArrayBufferView }

/** Gives each view memory of its own; Node's own class returns parts of the buffer that it reads. */
class CopyingDeserializer extends DefaultDeserializer {
  _readHostObject(): unknown {
    const view = (
      DefaultDeserializer.prototype as unknown as { _readHostObject(this: unknown): View }
    )._readHostObject.call(this)
    if (Buffer.isBuffer(view)) return Buffer.from(view)
    if (view instanceof DataView)
      return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
    return (view as unknown as Uint8Array).slice()
  }
}

/** Replaces a long source of a function by its beginning and a hash of the whole. */
function nameOf(task: string): string {
  if (task.length <= LONGEST_NAME) return task
  const hash = createHash('sha256').update(task).digest('hex')
  return `${task.slice(0, SHOWN_SOURCE)}… sha256 ${hash.slice(0, 32)}`
}

type Header = readonly [magic: string, version: number, task: string, total: number | null]

function refuseOthers(path: string, [, version, task, total]: Header, wanted: RunIdentity): void {
  if (version !== VERSION) throw refusal(path, 'is of a later version of this package')
  const name = nameOf(wanted.task)
  if (task !== name) throw refusal(path, `belongs to another task (${task}, not ${name})`)
  if (total !== null && wanted.total !== null && total !== wanted.total)
    throw refuseItem(path, `there were ${total}, now there are ${wanted.total}`)
}

/** The error for an item that differs from the one of an earlier run. */
export function refuseItem(path: string, how: string): Error {
  return refusal(path, `belongs to other items: ${how}`)
}

function refusal(path: string, why: string): Error {
  return runError(`the checkpoint '${path}' ${why}; choose another name or folder, or remove it`)
}
