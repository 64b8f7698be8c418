import { writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { ExecutionError } from '../errors.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { realClearTimeout, realNow, realSetImmediate, realSetTimeout } from '../internal/time/real-timers.js'

/** If the last write is this long ago, bytes are written at once, so that a thread that never rests loses no more than this. */
const MAX_DELAY_MS = 5
const MAX_PENDING_BYTES = 256 * 1024
/** Shortest time between two calls of fsync, unless a caller waits for one. */
const SYNC_INTERVAL_MS = 20
/** Bytes of a file that are read at a time. */
const WINDOW_BYTES = 256 * 1024
/** Error codes of fsync for a pipe or a device. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS'])

/**
 * A file that only grows, line by line. Appended bytes reach the kernel before the turn of the event loop ends, so that they survive
 * the death of this process. Against a loss of power, one fsync brings a whole batch to the disk.
 */
export class AppendFile {
  readonly path: string
  /** For reading and cutting; only this class writes. */
  readonly handle: FileHandle
  /** Why the file takes no more bytes; undefined while it does. */
  failure: ExecutionError | undefined = undefined
  readonly #what: string
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #lastWriteMs = 0
  #isWriteDue = false
  #writtenBytes = 0
  #syncedBytes = 0
  #syncing: Promise<void> | undefined = undefined
  #syncTimer: NodeJS.Timeout | undefined = undefined

  private constructor(path: string, what: string, handle: FileHandle) {
    this.path = path
    this.#what = what
    this.handle = handle
  }

  /**
   * Opens `path` for appending, and makes it if it is not there.
   *
   * @param what - what the file is, for messages: 'the checkpoint'
   * @param readable - whether it is also read
   * @throws {ExecutionError} ERR_EXECUTION when it cannot be opened
   */
  static async open(path: string, what: string, readable: boolean): Promise<AppendFile> {
    try {
      return new AppendFile(path, what, await open(path, readable ? 'a+' : 'a'))
    } catch (error) {
      throw runError(`${what} '${path}' cannot be written: ${messageOf(error)}`, error)
    }
  }

  /** Begins a new line if a kill has cut off the last one, which stays as it is. */
  async beginLine(): Promise<void> {
    if (await endsWithinLine(this.path)) this.append(Buffer.from('\n'))
  }

  /** Adds `bytes`, which must not change afterwards. Never throws: {@link AppendFile.failure} and the next flush report an error. */
  append(bytes: Uint8Array): void {
    if (this.failure !== undefined) return
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes >= MAX_PENDING_BYTES || realNow() - this.#lastWriteMs >= MAX_DELAY_MS) this.#write()
    else if (!this.#isWriteDue) {
      this.#isWriteDue = true
      realSetImmediate(() => {
        this.#isWriteDue = false
        this.#write()
      })
    }
  }

  /** Gives the file up because of `error`; the first such error counts. */
  fail(error: ExecutionError): void {
    this.failure ??= error
  }

  /** Resolves when all appended bytes are on the disk. @throws {ExecutionError} ERR_EXECUTION when they cannot get there */
  async flush(): Promise<void> {
    this.#write()
    while (this.#syncedBytes < this.#writtenBytes && this.failure === undefined) await this.#sync()
    if (this.failure !== undefined) throw this.failure
  }

  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#syncing
      realClearTimeout(this.#syncTimer)
      await this.handle.close()
    }
  }

  #write(): void {
    if (this.#pendingBytes === 0 || this.failure !== undefined) return
    const bytes =
      this.#pending.length === 1 ? (this.#pending[0] as Uint8Array) : Buffer.concat(this.#pending, this.#pendingBytes)
    this.#pending = []
    this.#pendingBytes = 0
    try {
      for (let from = 0; from < bytes.length;) from += writeSync(this.handle.fd, bytes, from)
      this.#writtenBytes += bytes.length
    } catch (error) {
      this.#fail(error)
    }
    this.#lastWriteMs = realNow()
    this.#syncSoon()
  }

  #syncSoon(): void {
    if (this.#syncTimer !== undefined || this.#syncing !== undefined || this.failure !== undefined) return
    if (this.#syncedBytes === this.#writtenBytes) return
    this.#syncTimer = realSetTimeout(() => void this.#sync(), SYNC_INTERVAL_MS).unref()
  }

  #sync(): Promise<void> {
    realClearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    return (this.#syncing ??= this.#runSync())
  }

  async #runSync(): Promise<void> {
    const upTo = this.#writtenBytes
    try {
      await this.handle.datasync()
    } catch (error) {
      if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) this.#fail(error)
    }
    this.#syncedBytes = upTo
    this.#syncing = undefined
    this.#syncSoon()
  }

  #fail(error: unknown): void {
    this.fail(runError(`${this.#what} '${this.path}' cannot be written: ${messageOf(error)}`, error))
  }
}

async function endsWithinLine(path: string): Promise<boolean> {
  try {
    const file = await open(path)
    try {
      const stat = await file.stat()
      if (!stat.isFile() || stat.size === 0) return false
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, stat.size - 1)
      return buffer[0] !== 0x0a
    } finally {
      await file.close()
    }
  } catch {
    return false // it may be written but not read
  }
}

/** Calls `found` for each complete line, with its position in bytes. @returns the length of all of them */
export async function readLines(file: FileHandle, found: (line: Buffer, at: number) => void): Promise<number> {
  let start: Buffer[] = []
  let at = 0
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(WINDOW_BYTES), 0, WINDOW_BYTES, position)
    if (bytesRead === 0) return at
    position += bytesRead
    const bytes = buffer.subarray(0, bytesRead)
    let from = 0
    for (let end = bytes.indexOf('\n'); end >= 0; end = bytes.indexOf('\n', from)) {
      const rest = bytes.subarray(from, end)
      const line = start.length === 0 ? rest : Buffer.concat([...start, rest])
      found(line, at)
      at += line.length + 1
      from = end + 1
      start = []
    }
    if (from < bytesRead) start.push(bytes.subarray(from))
  }
}
