import { inspect } from 'node:util'
import { AppendFile } from './append-file.js'
import type { RunRecorder } from './recorder.js'

/** Values nested deeper than this are written as `util.inspect` shows them, not as JSON. */
const MAX_DEPTH = 200

/** The record of an error; null for each property that it lacks. */
interface WrittenError {
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
    await file.beginLine()
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

/** Describes any thrown value. Never throws. */
function writeError(thrown: unknown): WrittenError {
  const { name, message, code, stack } = fieldsOf(thrown)
  return {
    name: typeof name === 'string' ? name : null,
    message: typeof message === 'string' ? message : show(thrown),
    code: typeof code === 'string' || (typeof code === 'number' && Number.isFinite(code)) ? code : null,
    stack: typeof stack === 'string' ? stack : null,
  }
}

function fieldsOf(thrown: unknown): Partial<Record<keyof WrittenError, unknown>> {
  if (typeof thrown !== 'object' || thrown === null) return { message: thrown }
  try {
    const { name, message, code, stack } = thrown as Partial<Record<keyof WrittenError, unknown>>
    return { name, message, code, stack }
  } catch {
    return {}
  }
}

/** A value as it is written to a line of JSON. */
interface Written {
  /** JSON of the value, or of the text that describes it. */
  readonly json: string
  /** Whether it is a description, as JSON cannot hold the value. */
  readonly inspected: boolean
}

/** Writes `value` as JSON if that keeps all of it, else as `util.inspect` shows it. Never throws. */
function writeValue(value: unknown): Written {
  try {
    const json = isJson(value, 0) ? (JSON.stringify(value) as string | undefined) : undefined
    if (json !== undefined) return { json, inspected: false }
  } catch {
    // A getter, a proxy or a toJSON has thrown; the value is shown as far as possible.
  }
  return { json: JSON.stringify(show(value)), inspected: true }
}

/** Returns `value` as `util.inspect` shows it, in one line. Never throws. */
function show(value: unknown): string {
  try {
    return inspect(value, { depth: 10, maxArrayLength: 1000, breakLength: Infinity })
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}

/** Whether JSON keeps the value. Undefined properties and the class may be lost; an object with a toJSON decides for itself. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || isJsonObject(value, depth)
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  // A value that contains itself has no end.
  if (depth > MAX_DEPTH) return false
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return true
  // Holes have no key; a key that is no index would be lost.
  if (Array.isArray(value))
    return Object.keys(value).length === value.length && value.every((element) => isJson(element, depth + 1))
  if (Object.prototype.toString.call(value) !== '[object Object]' || ArrayBuffer.isView(value)) return false
  return Object.values(value).every((property) => property === undefined || isJson(property, depth + 1))
}
