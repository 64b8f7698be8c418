import { isBuiltinError } from '../../internal/builtin-error.js'

/** The place of a Buffer in some values. */
type Path = readonly (string | number)[]

/** Values on their way to another thread. */
export interface PackedValues {
  readonly values: readonly unknown[]
  /** Where Buffers are among them, which a structured clone makes plain Uint8Arrays. */
  readonly buffers: readonly Path[]
}

type Keyed = Record<string | number, unknown>

/** A value that another thread would not receive as it is. */
export interface Unfit {
  /** Its place among the values. */
  readonly position: number
  /** What it holds, as part of a sentence. */
  readonly reason: string
}

const NONE: readonly Path[] = []
/** What arrays with more elements have besides them is not looked at: to find it, all their keys must be listed. */
const MOST_LISTED = 1000

/**
 * Makes values ready to be cloned: a small Buffer is a view of Node's pool, all of which would be cloned with it, and so is a part of a large
 * typed array.
 *
 * @param unfit - gets the values that would arrive changed
 */
export function packValues(values: readonly unknown[], unfit?: Unfit[]): PackedValues {
  let buffers: Path[] | undefined
  let packed: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!isObject(value)) continue
    if (isSimple(value)) continue
    const look = looked(value)
    if (look.obstacle !== undefined) unfit?.push({ position: i, reason: look.obstacle })
    for (const part of look.buffers) (buffers ??= []).push([i, ...pathTo(part)])
    const compact = compacted(value, [...look.buffers, ...look.views])
    if (compact !== value) (packed ??= [...values])[i] = compact
  }
  return { values: packed ?? values, buffers: buffers ?? NONE }
}

/** Makes Buffers again of what has arrived; the values are this thread's own. */
export function restoreBuffers(values: readonly unknown[], buffers: readonly Path[]): void {
  const restored = new Map<unknown, Buffer>()
  for (const path of buffers) {
    let at = values as unknown as Keyed
    for (const key of path.slice(0, -1)) at = at[key] as Keyed
    const last = path.at(-1) as string | number
    const bytes = at[last] as Uint8Array
    const buffer = restored.get(bytes) ?? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    restored.set(bytes, buffer)
    at[last] = buffer
  }
}

/** A value like `value`, with the bytes of `parts` copied where they are part of more. `value` itself does not change. */
function compacted(value: object, parts: readonly Part[]): object {
  const copies = new Map<object, object>()
  for (const part of parts) {
    let copy = copies.get(part.value) ?? ownBytes(part.value as Uint8Array)
    if (copy === part.value) continue
    copies.set(part.value, copy)
    for (let at = part; at.holder !== undefined; at = at.holder) {
      const holder = at.holder.value
      const known = copies.get(holder)
      const copied = known ?? shallowCopy(holder)
      ;(copied as Keyed)[at.key] = copy
      if (known !== undefined) break
      copies.set(holder, copied)
      copy = copied
    }
  }
  return copies.get(value) ?? value
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength || isShared(bytes)) return bytes
  return Buffer.isBuffer(bytes) ? Uint8Array.prototype.slice.call(bytes) : bytes.slice()
}

function shallowCopy(value: object): object {
  return Array.isArray(value) ? Object.assign(value.slice(), value) : { ...value }
}

/** Longer arrays are taken to be mostly holes, of which there may be billions. */
const MOST_DENSE = 5_000_000

/** More objects than this in one value are looked at with an eye to those that are there twice, as in a cycle. */
const MOST_SIMPLE = 10_000

/** Whether a value is arrays and objects of this realm through and through, as most are: to see that takes less than a look. */
function isSimple(value: object): boolean {
  try {
    const pending = [value]
    let visits = 0
    for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
      const proto: unknown = Object.getPrototypeOf(one)
      const isArray = proto === Array.prototype
      if (!isArray && proto !== Object.prototype) return false
      if (++visits > MOST_SIMPLE || Object.getOwnPropertySymbols(one).length > 0) return false
      const contents = isArray && (one as unknown[]).length <= MOST_DENSE ? (one as unknown[]) : Object.values(one)
      for (let i = 0; i < contents.length; i++) if (isObject(contents[i])) pending.push(contents[i] as object)
      if (isArray && contents.length <= MOST_LISTED && Object.keys(one).length !== contents.length) return false
    }
    return true
  } catch {
    // A getter or a proxy that throws.
    return false
  }
}

interface Look {
  readonly buffers: Part[]
  /** Typed arrays that are a small part of their memory, which nothing else in the value uses. */
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
      if (seen.has(part.value)) again.add(part.value)
      // Each place of a Buffer counts.
      if (seen.has(part.value) && !Buffer.isBuffer(part.value)) continue
      seen.add(part.value)
      for (const inside of partsOf(part, look)) pending.push(inside)
    }
    if (look.buffers.some((buffer) => holders(buffer).some((holder) => again.has(holder))))
      look.obstacle ??= 'a Buffer in an object that is there twice, which would arrive as a Uint8Array'
    if (look.views.length > 0) look.views = again.size > 0 ? [] : alone(look.views, seen)
  } catch {
    // A getter or a proxy that throws does so again when it is cloned.
  }
  return look
}

/** Those whose memory no other object uses. */
function alone(views: readonly Part[], objects: ReadonlySet<object>): Part[] {
  const uses = new Map<object, number>()
  for (const one of objects) {
    const memory = ArrayBuffer.isView(one) ? one.buffer : one
    uses.set(memory, (uses.get(memory) ?? 0) + 1)
  }
  return views.filter(({ value }) => uses.get((value as Uint8Array).buffer) === 1)
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
  const add = (key: string | number, inside: unknown, isReplaceable = part.isReplaceable): void => {
    if (isObject(inside)) parts.push({ value: inside, holder: part, key, isReplaceable })
  }
  if (Buffer.isBuffer(value)) {
    if (part.isReplaceable) look.buffers.push(part)
    else look.obstacle ??= 'a Buffer in a Map, a Set or an error, which would arrive as a Uint8Array'
  } else if (isView(value)) {
    if (part.isReplaceable && 'slice' in value && isSmallPart(value)) look.views.push(part)
  } else if (isPlain(value)) {
    const isDense = Array.isArray(value) && value.length <= MOST_DENSE
    if (isDense) for (let i = 0; i < value.length; i++) add(i, value[i])
    for (const key of isDense ? namesIn(value) : Object.keys(value)) add(key, (value as Keyed)[key])
    if (Object.getOwnPropertySymbols(value).length > 0)
      look.obstacle ??= 'properties whose keys are symbols, which would not arrive'
  } else {
    look.obstacle ??= whyLost(value)
    for (const inside of contentsOf(value)) add('', inside, false)
  }
  return parts
}

/** Names of what an array has beside its elements, which come first. */
function namesIn(array: readonly unknown[]): string[] {
  if (array.length > MOST_LISTED) return []
  const keys = Object.keys(array)
  return keys.slice(keys.findLastIndex((key) => /^\d+$/.test(key)) + 1)
}

/** What is in an object of a built-in class, and arrives with it. */
function contentsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat()
  if (value instanceof Set) return [...value]
  return isBuiltinError(value) ? [(value as Error).cause] : []
}

/** Why an object of a class would arrive changed; undefined if it would not. */
function whyLost(value: object): string | undefined {
  const isError = isBuiltinError(value)
  const name = isError ? 'an error' : `an instance of ${classNameOf(value)}`
  const isOfEngine = isError || isClonedByEngine(value)
  if (!isOfEngine && !isClonedByNode(value)) return `${name}, which would arrive without its class`
  // What Node itself keeps in objects of its classes has symbols as keys.
  const properties = isOfEngine ? propertiesOf(value) : Object.keys(value)
  if (properties.length === 0) return undefined
  return `${name} with properties (${properties.join(', ')}), which would arrive without them`
}

/** What a program has given to an object of a built-in class. */
function propertiesOf(value: object): string[] {
  const names = Object.keys(value).slice(value instanceof String ? value.length : 0)
  if (value instanceof RegExp && value.lastIndex > 0) names.push('lastIndex')
  return names.concat(Object.getOwnPropertySymbols(value).map(String))
}

function classNameOf(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'a class'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Whether it is a typed array of a built-in class, of any realm. */
function isView(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && value.constructor.name === Reflect.get(value, Symbol.toStringTag)
}

/** Whether most of what would be cloned with it is not its own. */
function isSmallPart(view: Uint8Array): boolean {
  return !isShared(view) && 2 * view.byteLength < view.buffer.byteLength
}

/** Whether it is of memory that all threads have, so that nothing is cloned with it. */
function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer
}

const CLONED = new Set<unknown>(
  [Map, Set, Date, RegExp, Boolean, Number, String, ArrayBuffer, SharedArrayBuffer].map(
    ({ prototype }) => prototype as unknown,
  ),
)

const isClonedByEngine = (value: object): boolean => CLONED.has(Object.getPrototypeOf(value))

/** By prototype: whether a clone has it, too. */
const keepsClass = new WeakMap<object, boolean>()

/** Whether it is of a class of Node's that can be cloned, such as a Blob, and a clone is of that class: that of a File is a Blob. */
function isClonedByNode(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object
  let isKept = keepsClass.get(proto)
  if (isKept === undefined) {
    isKept = canBeCloned(proto) && Object.prototype.isPrototypeOf.call(proto, structuredClone(value))
    keepsClass.set(proto, isKept)
  }
  return isKept
}

function canBeCloned(proto: object | null): boolean {
  if (proto === null || proto === Object.prototype) return false
  const symbols = Object.getOwnPropertySymbols(proto)
  const isHere = symbols.some(({ description }) => description === 'messaging_clone_symbol')
  return isHere || canBeCloned(Object.getPrototypeOf(proto) as object | null)
}

/** Objects and arrays of other realms, such as those of a test runner, are plain, too. */
function isPlain(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null
  if (proto === null) return true
  if (Array.isArray(value)) return Array.isArray(proto)
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'isPrototypeOf')
}
