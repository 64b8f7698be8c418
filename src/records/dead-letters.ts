import { open } from 'node:fs/promises'
import { AppendFile } from './append-file.js'
import { show, writeValue } from './plain-json.js'
import type { RunRecorder } from './recorder.js'

/** How an error is written down. What it does not say is null. */
export interface WrittenError {
  readonly name: string | null
  readonly message: string
  readonly code: string | number | null
  readonly stack: string | null
}

/** The items that failed for good, one JSON line each, at the end of a file that is never rewritten. */
export class DeadLetters implements RunRecorder {
  readonly #file: AppendFile
  readonly #now: () => Date

  private constructor(file: AppendFile, now: () => Date) {
    this.#file = file
    this.#now = now
  }

  /**
   * Opens the file, or makes it.
   *
   * @throws {ExecutionError} ERR_EXECUTION when it cannot be written
   */
  static async open(path: string, now: () => Date = () => new Date()): Promise<DeadLetters> {
    const file = await AppendFile.open(path, 'the dead-letter file', false)
    // What a kill left of a line stays what it is; the next line starts on its own.
    if (await endsWithinLine(path)) file.append(Buffer.from('\n'))
    return new DeadLetters(file, now)
  }

  itemTaken(): void {
    if (this.#file.failure !== undefined) throw this.#file.failure
  }

  itemFailed(index: number, item: unknown, error: unknown, attempts: number): void {
    const { json, inspected } = writeValue(item)
    const end = JSON.stringify({
      error: writeError(error),
      attempts,
      at: this.#now().toISOString(),
      ...(inspected ? { inspected } : {}),
    })
    this.#file.append(Buffer.from(`{"index":${index},"item":${json},${end.slice(1)}\n`))
  }

  flush(): Promise<void> {
    return this.#file.flush()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Describes whatever was thrown. Never throws. */
export function writeError(thrown: unknown): WrittenError {
  if (typeof thrown !== 'object' || thrown === null) {
    return { name: null, message: typeof thrown === 'string' ? thrown : show(thrown), code: null, stack: null }
  }
  const { name, message, code, stack } = fieldsOf(thrown)
  return {
    name: typeof name === 'string' ? name : null,
    message: typeof message === 'string' ? message : show(thrown),
    code: typeof code === 'string' || (typeof code === 'number' && Number.isFinite(code)) ? code : null,
    stack: typeof stack === 'string' ? stack : null,
  }
}

function fieldsOf(thrown: object): Partial<Record<keyof WrittenError, unknown>> {
  try {
    const { name, message, code, stack } = thrown as Partial<Record<keyof WrittenError, unknown>>
    return { name, message, code, stack }
  } catch {
    return {}
  }
}

/** Whether the last byte of a file is part of a line without end. */
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
