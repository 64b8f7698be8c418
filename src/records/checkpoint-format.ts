import { DefaultDeserializer, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'

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
export const MAGIC = Buffer.from('AMSZCKP1', 'latin1')
export const HEADER_PREFIX_BYTES = MAGIC.length + 12
/** More than any header has: names of tasks are short. */
export const MAX_HEADER_BYTES = 1 << 20
export const FRAME_BYTES = 8
/** What comes before the result in the body of a finished item. */
export const BODY_PREFIX_BYTES = 13
export const MAX_BODY_BYTES = 0xff_ff_ff_ff

const FINISHED = 1
const TAKEN = 2

/** What a checkpoint belongs to. */
export interface CheckpointHeader {
  /** Of the format of the records: {@link FORMAT_VERSION}. */
  readonly version: number
  /** URL and export, or the source of the function. */
  readonly task: string
  /** Number of items, null where it was not known. */
  readonly total: number | null
}

/** What the first bytes of a record's body say. */
export interface RecordHead {
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

/** Returns the record of a finished item. @throws what `v8.serialize` throws where a result cannot be cloned */
export function encodeFinished(index: number, digest: number, result: unknown): Buffer {
  const bytes = serialize(result)
  const length = BODY_PREFIX_BYTES + bytes.length
  if (length > MAX_BODY_BYTES) throw new RangeError(`it takes ${bytes.length} bytes, more than a record can hold`)
  return encodeRecord(FINISHED, index, digest, bytes)
}

/** Returns the record that says which items have been taken so far. */
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

/** Reads the start of a body; undefined where it is none of this format. */
export function decodeHead(body: Buffer): RecordHead | undefined {
  const kind = body.readUInt8(0)
  const position = body.readDoubleLE(1)
  if ((kind !== FINISHED && kind !== TAKEN) || !Number.isSafeInteger(position) || position < 0) return undefined
  return { kind: kind === FINISHED ? 'finished' : 'taken', position, checksum: body.readUInt32LE(9) }
}

/** Reads a result back from the end of a finished item's body. */
export function decodeResult(bytes: Buffer): unknown {
  const reader = new CopyingDeserializer(bytes)
  reader.readHeader()
  return reader.readValue()
}

type View = NodeJS.ArrayBufferView & { slice?: () => NodeJS.ArrayBufferView }

/** Node's own hands out views of the bytes it reads from; these here are a buffer that will be read into again. */
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
