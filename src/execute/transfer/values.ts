import { isBuiltinError } from '../../internal/builtin-error.js'
import { isPlain, isView, whyLost } from './cloned-classes.js'
import { cloneOf, packNumbers } from './structured-clone.js'

type Key = string | number

/** Values on their way to another thread. */
export interface PackedValues {
  readonly values: ArrayLike<unknown>
  /** Buffers in them, which become plain Uint8Arrays on the way; undefined if there are none. They are the same objects in a clone of both. */
  readonly buffers: readonly object[] | undefined
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
  let buffers: object[] | undefined
  let packed: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!isObject(value) || isSimple(value)) continue
    const look = looked({ value, holder: undefined, key: i, isReplaceable: true })
    if (look.obstacle !== undefined) unfit?.push({ position: i, reason: look.obstacle })
    const copies = look.hasAgain ? new Map<object, object>() : compacted(value, look)
    for (const { value: buffer } of look.buffers) (buffers ??= []).push(copies.get(buffer) ?? buffer)
    const compact = copies.get(value)
    if (compact !== undefined) (packed ??= [...values])[i] = compact
  }
  return { values: packed ?? packNumbers(values), buffers }
}

/** Turns what has arrived of Buffers into Buffers again. */
export function restore(buffers: PackedValues['buffers']): void {
  if (buffers !== undefined) for (const bytes of buffers) Object.setPrototypeOf(bytes, Buffer.prototype as object)
}

/**
 * A value as another thread would have it.
 *
 * @throws {DOMException} DataCloneError when it cannot be cloned
 */
export function asReceived(value: unknown): unknown {
  // Functions and symbols cannot be cloned; all else that is no object is the same there.
  if (!isObject(value) && typeof value !== 'function' && typeof value !== 'symbol') return value
  const { values, buffers } = cloneOf(packValues([value]))
  restore(buffers)
  return values[0]
}

/** Copies of objects in a value, itself among them, in which parts of larger memory are copies of those bytes. The value itself does not change. */
function compacted(value: object, { buffers, views }: Look): Map<object, object> {
  const copies = new Map<object, object>()
  for (const part of [...buffers, ...views]) {
    let copy = copies.get(part.value) ?? ownBytes(part.value as Uint8Array)
    if (copy === part.value) continue
    copies.set(part.value, copy)
    for (let at = part; at.value !== value; at = at.holder as Part) {
      const holder = (at.holder as Part).value
      const known = copies.get(holder)
      const copied = known ?? shallowCopy(holder)
      ;(copied as Record<Key, unknown>)[at.key] = copy
      if (known !== undefined) break
      copies.set(holder, copied)
      copy = copied
    }
  }
  return copies
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
      if (!isArray && proto !== Object.prototype && proto !== null) return false
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
  /** Typed arrays that are a small part of their memory, which nothing else in the value uses. */
  views: Part[]
  /** Whether an object is there twice, as in a cycle: it would not be the same any more if a copy took its place. */
  hasAgain: boolean
  obstacle: string | undefined
}

/** An object inside a value. */
interface Part {
  readonly value: object
  /** The object that it is in; undefined for the whole value. */
  readonly holder: Part | undefined
  readonly key: Key
  /** Whether another object could be put in its place. */
  readonly isReplaceable: boolean
}

/** Looks at every object in a value, in a loop: recursion would end at an object that a clone still reaches. */
function looked(value: Part): Look {
  const look: Look = { buffers: [], views: [], hasAgain: false, obstacle: undefined }
  try {
    const pending = partsOf(value, look)
    if (pending.length === 0) return look
    const seen = new Set([value.value])
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      // Each place of a Buffer counts.
      if (seen.has(part.value) && !Buffer.isBuffer(part.value)) {
        look.hasAgain = true
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

/** Typed arrays whose memory no other object uses. */
function alone(views: readonly Part[], objects: ReadonlySet<object>): Part[] {
  const uses = new Map<object, number>()
  for (const one of objects) {
    const memory = ArrayBuffer.isView(one) ? one.buffer : one
    uses.set(memory, (uses.get(memory) ?? 0) + 1)
  }
  return views.filter(({ value }) => uses.get((value as Uint8Array).buffer) === 1)
}

/** Notes what matters about one object, and gives the objects in it. */
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
    const isDense = Array.isArray(value) && value.length <= MOST_DENSE
    if (isDense) for (let i = 0; i < value.length; i++) add(i, value[i])
    for (const key of isDense ? namesIn(value) : Object.keys(value)) add(key, (value as Record<Key, unknown>)[key])
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
