import { builtins } from '../../internal/builtins.js'

/** Where in some values a Buffer is. */
type Path = readonly (string | number)[]

/** Values on their way to another thread. */
export interface PackedValues {
  readonly values: readonly unknown[]
  /** Where Buffers are among them, which a structured clone makes plain Uint8Arrays. */
  readonly buffers: readonly Path[]
}

const NONE: readonly Path[] = []

/** Makes values ready to be cloned: a small Buffer is a view of Node's pool, all of which would be cloned with it. */
export function packValues(values: readonly unknown[]): PackedValues {
  let buffers: Path[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'object' || value === null) continue
    for (const path of looked(value).buffers) (buffers ??= []).push([i, ...path])
  }
  if (buffers === undefined) return { values, buffers: NONE }
  let packed: unknown = values
  for (const path of buffers) packed = compacted(packed, path, 0)
  return { values: packed as unknown[], buffers }
}

/** Makes Buffers again of what has arrived; the values are this thread's own. */
export function restoreBuffers(values: readonly unknown[], buffers: readonly Path[]): void {
  for (const path of buffers) {
    let at: unknown = values
    for (const key of path.slice(0, -1)) at = (at as Record<string | number, unknown>)[key]
    const last = path.at(-1) as string | number
    const { buffer, byteOffset, byteLength } = (at as Record<string | number, unknown>)[last] as Uint8Array
    ;(at as Record<string | number, unknown>)[last] = Buffer.from(buffer, byteOffset, byteLength)
  }
}

/** The same value with a copy of the one Buffer at the end of `path`, where that is a part of something larger. The value itself is left as it is. */
function compacted(value: unknown, path: Path, depth: number): unknown {
  const key = path[depth]
  if (key === undefined) {
    const bytes = value as Buffer
    return bytes.byteLength < bytes.buffer.byteLength ? Uint8Array.prototype.slice.call(bytes) : bytes
  }
  const old = (value as Record<string | number, unknown>)[key]
  const part = compacted(old, path, depth + 1)
  if (part === old) return value
  const copy = (Array.isArray(value) ? value.slice() : { ...(value as object) }) as Record<string | number, unknown>
  copy[key] = part
  return copy
}

/** Why another thread would receive something else than `value`, as a part of a sentence; undefined if it would not. What cannot be cloned at all says so itself. */
export function whyChanged(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? looked(value).obstacle : undefined
}

interface Look {
  readonly buffers: Path[]
  obstacle: string | undefined
}

function looked(value: object): Look {
  const look: Look = { buffers: [], obstacle: undefined }
  try {
    visit(value, [], look, undefined)
  } catch {
    // A getter or a proxy that throws does so again when it is cloned.
  }
  return look
}

/** @param path - where that is; undefined where nothing could be put in its place */
function visit(value: object, path: Path | undefined, look: Look, seen: Set<object> | undefined): void {
  if (seen?.has(value) === true) return
  if (Buffer.isBuffer(value)) {
    if (path === undefined) look.obstacle ??= 'a Buffer in a Map or Set, which would arrive as a Uint8Array'
    else look.buffers.push(path)
    return
  }
  if (isCloned(value)) {
    if (value instanceof Map || value instanceof Set) {
      const inside = (seen ?? new Set()).add(value)
      for (const entry of value) {
        const parts: unknown[] = value instanceof Map ? (entry as unknown[]) : [entry]
        for (const part of parts) if (isObject(part)) visit(part, undefined, look, inside)
      }
    }
    return
  }
  if (!isPlain(value)) {
    const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
    look.obstacle ??= `an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'}, which would arrive without its class`
    return
  }
  let inside = seen
  const visitPart = (key: string | number, part: unknown): void => {
    if (!isObject(part)) return
    inside ??= new Set<object>()
    visit(part, path === undefined ? undefined : [...path, key], look, inside.add(value))
  }
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) visitPart(i, value[i])
  else for (const key of Object.keys(value)) visitPart(key, (value as Record<string, unknown>)[key])
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

const CLONED = new Set<object | null>(
  [Map, Set, Date, RegExp, Boolean, Number, String, ArrayBuffer, SharedArrayBuffer, DataView].map(
    ({ prototype }) => prototype as object,
  ),
)
const ERRORS = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

/** Whether a clone is as good, whatever it is made of. */
function isCloned(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null
  if (CLONED.has(proto)) return true
  if (ArrayBuffer.isView(value)) return true
  if (builtins.util.types.isNativeError(value)) return ERRORS.has(value.constructor.name)
  // What Node itself clones: blobs, keys and the like.
  for (let at = proto; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null)
    if (Object.getOwnPropertySymbols(at).some(({ description }) => description === 'messaging_clone_symbol'))
      return true
  return false
}

/** Objects and arrays of other realms, such as those of a test runner, are plain, too. */
function isPlain(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null
  if (proto === null || proto === Object.prototype || proto === Array.prototype) return true
  if (Array.isArray(value)) return Array.isArray(proto)
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'isPrototypeOf')
}
