import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { DefaultDeserializer, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import { realSetImmediate } from '../internal/time/real-timers.js'

/**
 * The bytes of a checkpoint's log. All numbers are little-endian.
 *
 *     header   'AMSZCKP1' | u32 length | u32 ~length | u32 checksum | JSON of that length
 *     record   u32 length | u32 checksum | body of that length
 *     body     u8 1 (finished) | f64 index | u32 digest of the item | result as v8.serialize writes it
 *              u8 2 (taken)    | f64 count | u32 running checksum of the first `count` items
 *
 * A record's checksum covers its length and its body; the header says its length twice, so that one broken byte cannot make a
 * long log look like one that was cut off in its first record.
 */
export const FORMAT_VERSION = 1
const MAGIC = Buffer.from('AMSZCKP1', 'latin1')
const HEADER_PREFIX_BYTES = MAGIC.length + 12
/** Longer than any header: names of tasks are short. */
const MAX_HEADER_BYTES = 1 << 20
const FRAME_BYTES = 8
/** The bytes before the result in the body of a finished item. */
const BODY_PREFIX_BYTES = 13
const MAX_BODY_BYTES = 0xff_ff_ff_ff

const FINISHED = 1
const TAKEN = 2

/** Bytes of a file that are read at a time, … */
const WINDOW_BYTES = 256 * 1024
/** … and between two turns of the event loop. */
const BYTES_BETWEEN_TURNS = 16 << 20

/** The run that a checkpoint belongs to. */
export interface CheckpointHeader {
  /** Of the format of the records: {@link FORMAT_VERSION}. */
  readonly version: number
  /** URL and export, or the source of the function. */
  readonly task: string
  /** Number of items, null if it was not known. */
  readonly total: number | null
}

/** The first bytes of a record's body. */
interface RecordHead {
  readonly kind: 'finished' | 'taken'
  /** Index of the item, or number of items. */
  readonly position: number
  readonly checksum: number
}

/** Returns the header as it stands at the start of a log. */
export function encodeHeader(header: CheckpointHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(HEADER_PREFIX_BYTES)
  MAGIC.copy(prefix)
  prefix.writeUInt32LE(json.length, MAGIC.length)
  prefix.writeUInt32LE(~json.length >>> 0, MAGIC.length + 4)
  prefix.writeUInt32LE(crc32(json), MAGIC.length + 8)
  return Buffer.concat([prefix, json])
}

/** Returns the record of a finished item. @throws the error of `v8.serialize` if a result cannot be cloned */
export function encodeFinished(index: number, digest: number, result: unknown): Buffer {
  const bytes = serialize(result)
  const length = BODY_PREFIX_BYTES + bytes.length
  if (length > MAX_BODY_BYTES) throw new RangeError(`it takes ${bytes.length} bytes, more than a record can hold`)
  return encodeRecord(FINISHED, index, digest, bytes)
}

export function encodeTaken(count: number, running: number): Buffer {
  return encodeRecord(TAKEN, count, running, Buffer.alloc(0))
}

function encodeRecord(kind: number, position: number, checksum: number, rest: Buffer): Buffer {
  const length = BODY_PREFIX_BYTES + rest.length
  const record = Buffer.allocUnsafe(FRAME_BYTES + length)
  record.writeUInt32LE(length, 0)
  record.writeUInt8(kind, FRAME_BYTES)
  record.writeDoubleLE(position, FRAME_BYTES + 1)
  record.writeUInt32LE(checksum, FRAME_BYTES + 9)
  rest.copy(record, FRAME_BYTES + BODY_PREFIX_BYTES)
  record.writeUInt32LE(crc32(record.subarray(FRAME_BYTES), crc32(record.subarray(0, 4))), 4)
  return record
}

/** Reads the start of a body; undefined if it is none of this format. */
function decodeHead(body: Buffer): RecordHead | undefined {
  const kind = body.readUInt8(0)
  const position = body.readDoubleLE(1)
  if ((kind !== FINISHED && kind !== TAKEN) || !Number.isSafeInteger(position) || position < 0) return undefined
  return { kind: kind === FINISHED ? 'finished' : 'taken', position, checksum: body.readUInt32LE(9) }
}

/** Reads parts of a file, mostly in order, through one buffer. */
export class FileWindow {
  readonly #fd: number
  #buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: FileHandle) {
    this.#fd = file.fd
  }

  /** Returns `length` bytes from `position`, fewer at the end of the file. They are valid until the next call. */
  read(position: number, length: number): Buffer {
    const from = position - this.#start
    if (from < 0 || from + length > this.#buffer.length) {
      const wanted = Math.max(length, WINDOW_BYTES)
      // The memory for a record far larger than the others is not kept.
      const target =
        this.#buffer.buffer.byteLength === wanted
          ? Buffer.from(this.#buffer.buffer)
          : Buffer.from(new ArrayBuffer(wanted))
      let filled = 0
      for (let got = -1; got !== 0 && filled < wanted; filled += got)
        got = readSync(this.#fd, target, filled, wanted - filled, position + filled)
      this.#buffer = target.subarray(0, filled)
      this.#start = position
      return this.#buffer.subarray(0, length)
    }
    return this.#buffer.subarray(from, from + length)
  }
}

/** The start of a log: its header, nothing yet, or something else. */
type HeaderFound = { readonly header: CheckpointHeader; readonly end: number } | 'cut off' | 'damaged' | 'not a log'

export function readHeader(window: FileWindow, size: number): HeaderFound {
  const prefix = window.read(0, HEADER_PREFIX_BYTES)
  const magic = prefix.subarray(0, MAGIC.length)
  if (!magic.equals(MAGIC.subarray(0, magic.length))) return 'not a log'
  if (prefix.length < HEADER_PREFIX_BYTES) return 'cut off'
  const length = prefix.readUInt32LE(MAGIC.length)
  const checksum = prefix.readUInt32LE(MAGIC.length + 8)
  if (~length >>> 0 !== prefix.readUInt32LE(MAGIC.length + 4) || length > MAX_HEADER_BYTES) return 'damaged'
  const end = HEADER_PREFIX_BYTES + length
  if (end > size) return 'cut off'
  const json = window.read(HEADER_PREFIX_BYTES, length)
  if (crc32(json) !== checksum) return 'damaged'
  return { header: JSON.parse(json.toString()) as CheckpointHeader, end }
}

/**
 * Calls `found` for each whole record from `start`. Lets the event loop turn now and then.
 *
 * @returns where the first record begins that is not whole: all before it can be trusted
 */
export async function readRecords(
  window: FileWindow,
  start: number,
  size: number,
  found: (head: RecordHead, at: number) => void,
): Promise<number> {
  let at = start
  let rested = start
  while (at + FRAME_BYTES + BODY_PREFIX_BYTES <= size) {
    const frame = window.read(at, FRAME_BYTES + BODY_PREFIX_BYTES)
    const length = frame.readUInt32LE(0)
    if (length < BODY_PREFIX_BYTES || at + FRAME_BYTES + length > size) return at
    const expected = frame.readUInt32LE(4)
    const head = decodeHead(frame.subarray(FRAME_BYTES))
    let checksum = crc32(frame.subarray(0, 4))
    for (let done = 0; done < length;) {
      const part = window.read(at + FRAME_BYTES + done, Math.min(length - done, WINDOW_BYTES / 2))
      if (part.length === 0) return at
      checksum = crc32(part, checksum)
      done += part.length
    }
    if (checksum !== expected || head === undefined) return at
    found(head, at)
    at += FRAME_BYTES + length
    if (at - rested < BYTES_BETWEEN_TURNS) continue
    rested = at
    await new Promise(realSetImmediate)
  }
  return at
}

/** Returns the result in the record of a finished item at `at`, which has been read before. */
export function readResult(window: FileWindow, at: number): unknown {
  const length = window.read(at, FRAME_BYTES).readUInt32LE(0)
  const reader = new CopyingDeserializer(window.read(at + FRAME_BYTES, length).subarray(BODY_PREFIX_BYTES))
  reader.readHeader()
  return reader.readValue()
}

type View = NodeJS.ArrayBufferView & { slice?: () => NodeJS.ArrayBufferView }

/** Node's own returns views of the bytes that it reads, but this buffer is read into again. */
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
