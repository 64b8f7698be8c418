import { isBuiltinError } from '../../internal/builtin-error.js'
import { isPlain, isView, whyLost } from './cloned-classes.js'
import { cloneOf, packNumbers } from './structured-clone.js'

type Key = string | number
type Keyed = Record<Key, unknown>

/** Properties of one object in some values. */
interface Places {
  readonly path: readonly Key[]
  readonly keys: readonly Key[]
}

/** The changes that a structured clone makes in values, and their places. */
interface LostInClone {
  /** They become plain Uint8Arrays. */
  readonly buffers: readonly Places[]
  /** Objects without a prototype, such as rows of a database: they become plain objects. */
  readonly bare: readonly Places[]
}

/** Values on their way to another thread. */
export interface PackedValues {
  readonly values: ArrayLike<unknown>
  /** The input of {@link restore}; undefined if a clone is the same. */
  readonly lost: LostInClone | undefined
}

/** A value that another thread would not receive as it is. */
export interface Unfit {
  /** Its place among the values. */
  readonly position: number
  /** Its contents, as part of a sentence. */
  readonly reason: string
}

/** Other properties of longer arrays are not looked at: to find them, all keys must be listed. */
const MOST_LISTED = 1000

/**
 * Makes values ready to be cloned: a small Buffer is a view of Node's pool, all of which would be cloned with it, and so is a part of a large
 * typed array.
 *
 * @param unfit - gets the values that would arrive changed
 */
export function packValues(values: readonly unknown[], unfit?: Unfit[]): PackedValues {
  const whole: Part = { value: values, holder: undefined, key: '', isReplaceable: true }
  const buffers: Part[] = []
  const bare: Part[] = []
  let packed: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!isObject(value)) continue
    if (isSimple(value)) continue
    const look = looked({ value, holder: whole, key: i, isReplaceable: true })
    if (look.obstacle !== undefined) unfit?.push({ position: i, reason: look.obstacle })
    for (const part of look.buffers) buffers.push(part)
    for (const part of look.bare.values()) bare.push(part)
    const compact = look.hasAgain ? value : compacted(value, [...look.buffers, ...look.views])
    if (compact !== value) (packed ??= [...values])[i] = compact
  }
  const isSame = buffers.length === 0 && bare.length === 0
  return {
    values: packed ?? packNumbers(values),
    lost: isSame ? undefined : { buffers: placesOf(buffers), bare: placesOf(bare) },
  }
}

/** Gives what has arrived back what it has lost; the values are this thread's own. */
export function restore(values: ArrayLike<unknown>, lost: LostInClone | undefined): void {
  if (lost === undefined) return
  const restored = new Map<unknown, Buffer>()
  eachPlace(values, lost.buffers, (bytes: Uint8Array, holder, key) => {
    const buffer = restored.get(bytes) ?? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    restored.set(bytes, buffer)
    holder[key] = buffer
  })
  eachPlace(values, lost.bare, (object) => void Object.setPrototypeOf(object, null))
}

/**
 * A value as another thread would have it.
 *
 * @throws {DOMException} DataCloneError when it cannot be cloned
 */
export function asReceived(value: unknown): unknown {
  // Functions and symbols cannot be cloned; all else that is no object is the same there.
  if (!isObject(value) && typeof value !== 'function' && typeof value !== 'symbol') return value
  const { values, lost } = packValues([value])
  const copies = cloneOf(values)
  restore(copies, lost)
  return copies[0]
}

/** Gives the values that are there; a getter may have given the clone others. */
function eachPlace<T extends object>(
  values: ArrayLike<unknown>,
  places: readonly Places[],
  found: (value: T, holder: Keyed, key: Key) => void,
): void {
  for (const { path, keys } of places) {
    let holder: unknown = values
    for (const key of path) holder = (holder as Keyed | null | undefined)?.[key]
    if (!isObject(holder)) continue
    for (const key of keys) {
      const value = (holder as Keyed)[key]
      if (isObject(value)) found(value as T, holder as Keyed, key)
    }
  }
}

function placesOf(parts: readonly Part[]): Places[] {
  const keys = new Map<Part, Key[]>()
  for (const { holder, key } of parts) {
    const known = keys.get(holder as Part)
    if (known === undefined) keys.set(holder as Part, [key])
    else known.push(key)
  }
  return Array.from(keys, ([holder, all]) => ({ path: pathTo(holder), keys: all }))
}

/** A value like `value`, with the bytes of `parts` copied where they are part of more. `value` itself does not change. */
function compacted(value: object, parts: readonly Part[]): object {
  const copies = new Map<object, object>()
  for (const part of parts) {
    let copy = copies.get(part.value) ?? ownBytes(part.value as Uint8Array)
    if (copy === part.value) continue
    copies.set(part.value, copy)
    for (let at = part; at.value !== value; at = at.holder as Part) {
      const holder = (at.holder as Part).value
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
      if (isArray && contents.length <= MOST_LISTED && !hasOnlyElements(one as unknown[])) return false
    }
    return true
  } catch {
    // A getter or a proxy that throws.
    return false
  }
}

/** Whether an array has no holes, and nothing beside its elements: names come last among its keys. */
function hasOnlyElements(array: readonly unknown[]): boolean {
  const keys = Object.keys(array)
  return keys.length === array.length && (keys.length === 0 || keys.at(-1) === String(keys.length - 1))
}

interface Look {
  readonly buffers: Part[]
  /** Objects without a prototype, each with the first place in which another could be put. */
  readonly bare: Map<object, Part>
  /** Typed arrays that are a small part of their memory, which nothing else in the value uses. */
  views: Part[]
  /** Whether an object is there twice, as in a cycle: it would not be the same any more if a copy took its place. */
  hasAgain: boolean
  obstacle: string | undefined
}

/** An object inside a value. */
interface Part {
  readonly value: object
  /** The object that it is in; undefined for all values. */
  readonly holder: Part | undefined
  readonly key: Key
  /** Whether another object could be put in its place. */
  readonly isReplaceable: boolean
}

/** Looks at every object in a value, in a loop: recursion would end at an object that a clone still reaches. */
function looked(value: Part): Look {
  const look: Look = { buffers: [], bare: new Map(), views: [], hasAgain: false, obstacle: undefined }
  try {
    const pending = partsOf(value, look)
    if (pending.length === 0) return look
    const seen = new Set([value.value])
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      // Each place of a Buffer counts.
      if (seen.has(part.value) && !Buffer.isBuffer(part.value)) {
        look.hasAgain = true
        noteBare(part, look)
        continue
      }
      seen.add(part.value)
      for (const inside of partsOf(part, look)) pending.push(inside)
    }
    if (look.views.length > 0) look.views = alone(look.views, seen)
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

function pathTo(part: Part): Key[] {
  const path: Key[] = []
  for (let at = part; at.holder !== undefined; at = at.holder) path.push(at.key)
  return path.reverse()
}

function noteBare(part: Part, { bare }: Look): void {
  const { value, isReplaceable } = part
  if (isReplaceable && Object.getPrototypeOf(value) === null && !bare.has(value)) bare.set(value, part)
}

/** Notes what is to be known of one object, and gives the objects in it. */
function partsOf(part: Part, look: Look): Part[] {
  const { value } = part
  const parts: Part[] = []
  const add = (key: Key, inside: unknown, isReplaceable = part.isReplaceable): void => {
    if (isObject(inside)) parts.push({ value: inside, holder: part, key, isReplaceable })
  }
  if (Buffer.isBuffer(value)) {
    if (part.isReplaceable) look.buffers.push(part)
    else look.obstacle ??= 'a Buffer in a Map, a Set or an error, which would arrive as a Uint8Array'
  } else if (isView(value)) {
    if (part.isReplaceable && 'slice' in value && isSmallPart(value)) look.views.push(part)
  } else if (isPlain(value)) {
    noteBare(part, look)
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

/** The contents of an object of a built-in class, which arrive with it. */
function contentsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat()
  if (value instanceof Set) return [...value]
  return isBuiltinError(value) ? [(value as Error).cause] : []
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Whether most of what would be cloned with it is not its own. */
function isSmallPart(view: Uint8Array): boolean {
  return !isShared(view) && 2 * view.byteLength < view.buffer.byteLength
}

/** Whether it is of memory that all threads have, so that nothing is cloned with it. */
function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer
}
