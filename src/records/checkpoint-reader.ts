import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import {
  BODY_PREFIX_BYTES,
  type CheckpointHeader,
  decodeHead,
  FRAME_BYTES,
  HEADER_PREFIX_BYTES,
  MAGIC,
  MAX_HEADER_BYTES,
  type RecordHead,
} from './checkpoint-format.js'

const WINDOW_BYTES = 256 * 1024
const BYTES_BETWEEN_TURNS = 16 << 20

/** Reads a file here and there, mostly onwards, through one buffer. */
export class FileWindow {
  readonly #fd: number
  #buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: FileHandle) {
    this.#fd = file.fd
  }

  /** Returns `length` bytes from `position`, fewer at the end of the file. They stand until the next call. */
  read(position: number, length: number): Buffer {
    const from = position - this.#start
    if (from < 0 || from + length > this.#buffer.length) {
      const wanted = Math.max(length, WINDOW_BYTES)
      // A record far larger than the others does not keep its memory.
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

/** What the start of a log turned out to be: its header, nothing yet, or something else. */
export type HeaderFound =
  { readonly header: CheckpointHeader; readonly end: number } | 'cut off' | 'damaged' | 'not a log'

/** Reads the header of a log of `size` bytes. */
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
 * @returns where the first one begins that is not whole, which is the end of what can be trusted
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
    await new Promise(setImmediate)
  }
  return at
}

/** Returns the bytes of the result in the record at `at`, which has been read before. */
export function resultBytes(window: FileWindow, at: number): Buffer {
  const length = window.read(at, FRAME_BYTES).readUInt32LE(0)
  return window.read(at + FRAME_BYTES, length).subarray(BODY_PREFIX_BYTES)
}
