import { isBareError, isBuiltinError } from '../../internal/builtin-error.js'

/** The place of a Buffer in some values. */
type Path = readonly (string | number)[]

/** Values on their way to another thread. */
export interface PackedValues {
  readonly values: readonly unknown[]
  /** Where Buffers are among them, which a structured clone makes plain Uint8Arrays. */
  readonly buffers: readonly Path[]
}

/** A value that another thread would not receive as it is. */
export interface Unfit {
  /** Its place among the values. */
  readonly position: number
  /** What it holds, as part of a sentence. */
  readonly reason: string
}

const NONE: readonly Path[] = []

/**
 * Makes values ready to be cloned: a small Buffer is a view of Node's pool, all of which would be cloned with it, and so is a part of a large
 * typed array.
 *
 * @param unfit - gets the values that would arrive changed
 */
export function packValues(values: readonly unknown[], unfit?: Unfit[]): PackedValues {
  let buffers: Path[] | undefined
  let packed: unknown = values
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'object' || value === null) continue
    const look = looked(value)
    if (look.obstacle !== undefined) unfit?.push({ position: i, reason: look.obstacle })
    for (const part of look.buffers) (buffers ??= []).push([i, ...pathTo(part)])
    for (const part of look.views) packed = compacted(packed, [i, ...pathTo(part)], 0)
  }
  if (buffers !== undefined) for (const path of buffers) packed = compacted(packed, path, 0)
  return { values: packed as unknown[], buffers: buffers ?? NONE }
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

/** A value like `value`, with the bytes at `path` copied if they are part of more. `value` itself does not change. */
function compacted(value: unknown, path: Path, depth: number): unknown {
  const key = path[depth]
  if (key === undefined) {
    const bytes = value as Buffer
    if (bytes.byteLength === bytes.buffer.byteLength) return bytes
    return Buffer.isBuffer(bytes) ? Uint8Array.prototype.slice.call(bytes) : (bytes as Uint8Array).slice()
  }
  const old = (value as Record<string | number, unknown>)[key]
  const part = compacted(old, path, depth + 1)
  if (part === old) return value
  const copy = (Array.isArray(value) ? value.slice() : { ...(value as object) }) as Record<string | number, unknown>
  copy[key] = part
  return copy
}

/** Why another thread would not receive `value` as it is, as part of a sentence; undefined if it would. For what cannot be cloned at all, cloning throws. */
export function whyChanged(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? looked(value).obstacle : undefined
}

interface Look {
  readonly buffers: Part[]
  /** Typed arrays that are a small part of their buffer. */
  views: Part[]
  obstacle: string | undefined
}

/** An object inside a value. */
interface Part {
  readonly value: object
  /** The object that it is in; undefined for the value itself. */
  readonly holder: Part | undefined
  readonly key: string | number
  /** Whether another object could be put in its place. */
  readonly isReplaceable: boolean
}

/** Looks at every object in `value`, in a loop: recursion would end at an object that a clone still reaches. */
function looked(value: object): Look {
  const look: Look = { buffers: [], views: [], obstacle: undefined }
  try {
    const pending = partsOf({ value, holder: undefined, key: '', isReplaceable: true }, look)
    if (pending.length === 0) return look
    const seen = new Set([value])
    const again = new Set<object>()
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (seen.has(part.value)) {
        again.add(part.value)
        continue
      }
      if (!Buffer.isBuffer(part.value)) seen.add(part.value)
      for (const inside of partsOf(part, look)) pending.push(inside)
    }
    // Two views of one buffer may be meant to be of one.
    if (look.views.length > 1) look.views = look.views.filter((one) => isAlone(one, look.views))
    if (again.size > 0) look.views = []
    if (again.size > 0 && look.buffers.some((buffer) => holders(buffer).some((holder) => again.has(holder))))
      look.obstacle ??= 'a Buffer in an object that is there twice, which would arrive as a Uint8Array'
  } catch {
    // A getter or a proxy that throws does so again when it is cloned.
  }
  return look
}

const bufferOf = ({ value }: Part): ArrayBufferLike => (value as Uint8Array).buffer

function isAlone(view: Part, views: readonly Part[]): boolean {
  return views.every((other) => other === view || bufferOf(other) !== bufferOf(view))
}

function holders({ holder }: Part): object[] {
  const all: object[] = []
  for (let at = holder; at !== undefined; at = at.holder) all.push(at.value)
  return all
}

function pathTo(part: Part): Path {
  const path: (string | number)[] = []
  for (let at = part; at.holder !== undefined; at = at.holder) path.push(at.key)
  return path.reverse()
}

/** Notes what is to be known of one object, and gives the objects in it. */
function partsOf(part: Part, look: Look): Part[] {
  const { value } = part
  const parts: Part[] = []
  if (Buffer.isBuffer(value)) {
    if (part.isReplaceable) look.buffers.push(part)
    else look.obstacle ??= 'a Buffer in a Map or Set, which would arrive as a Uint8Array'
  } else if (isView(value)) {
    if (part.isReplaceable && 'slice' in value && isSmallPart(value)) look.views.push(part)
  } else if (isCloned(value)) {
    if (value instanceof Map || value instanceof Set) {
      for (const entry of value) {
        const entries: unknown[] = value instanceof Map ? (entry as unknown[]) : [entry]
        for (const inside of entries)
          if (isObject(inside)) parts.push({ value: inside, holder: part, key: '', isReplaceable: false })
      }
    }
  } else if (isPlain(value)) {
    const { isReplaceable } = part
    if (Object.getOwnPropertySymbols(value).length > 0)
      look.obstacle ??= 'properties whose keys are symbols, which would not arrive'
    const add = (key: string | number, inside: unknown): void => {
      if (isObject(inside)) parts.push({ value: inside, holder: part, key, isReplaceable })
    }
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) add(i, value[i])
    else for (const key of Object.keys(value)) add(key, (value as Record<string, unknown>)[key])
  } else {
    look.obstacle ??= whyLost(value)
  }
  return parts
}

function whyLost(value: object): string {
  if (isBuiltinError(value))
    return `an error with properties (${Object.keys(value).join(', ')}), which would arrive without them`
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return `an instance of ${typeof name === 'string' && name !== '' ? name : 'a class'}, which would arrive without its class`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

const CLONED = new Set<object | null>(
  [Map, Set, Date, RegExp, Boolean, Number, String, ArrayBuffer, SharedArrayBuffer].map(
    ({ prototype }) => prototype as object,
  ),
)

/** Whether it is a typed array of a built-in class, of any realm. */
function isView(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && value.constructor.name === Reflect.get(value, Symbol.toStringTag)
}

/** Whether most of what would be cloned with it is not its own. */
function isSmallPart({ buffer, byteLength }: Uint8Array): boolean {
  return !(buffer instanceof SharedArrayBuffer) && 2 * byteLength < buffer.byteLength
}

/** Whether a clone of it is as good as the object. */
function isCloned(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null
  if (CLONED.has(proto)) return true
  if (isBuiltinError(value)) return isBareError(value)
  // Classes of Node that can be cloned: blobs, keys and the like.
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
