import { isPlain, whyLost } from '../transfer/cloned-classes.js'

/** The size of a value on its way to another thread, and whether it arrives unchanged. */
export interface ValueSize {
  /** Objects, properties and elements that the clone has to visit. */
  nodes: number
  /** Bytes of strings and buffers. */
  bytes: number
  /** Why a thread would not receive the same value; undefined if it would. */
  obstacle: string | undefined
}

/** At most this many nodes are visited: the rest of an array is taken to be like its beginning. */
const MOST_NODES = 500

/** Estimates the size of `value`, looking at a bounded part of it. */
export function sizeOf(value: unknown): ValueSize {
  // Numbers of a chunk are one typed array.
  if (typeof value === 'number') return { nodes: 0, bytes: 8, obstacle: undefined }
  const size: ValueSize = { nodes: 0, bytes: 0, obstacle: undefined }
  try {
    add(value, size, new Set())
  } catch {
    // A getter or a proxy that throws would also throw when it is cloned.
    size.obstacle ??= 'what cannot be read cannot be sent to a thread'
  }
  return size
}

/** The assumed size of a Date, an error or the like. */
const OBJECT_BYTES = 64

function add(value: unknown, size: ValueSize, seen: Set<object>): void {
  size.nodes++
  switch (typeof value) {
    case 'string':
      size.bytes += value.length
      return
    case 'number':
    case 'bigint':
      size.bytes += 8
      return
    case 'function':
    case 'symbol':
      size.obstacle ??= `a ${typeof value} cannot be sent to a thread`
      return
    case 'object':
      if (value !== null && !seen.has(value)) addObject(value, size, seen.add(value))
      return
    default:
      return
  }
}

function addObject(value: object, size: ValueSize, seen: Set<object>): void {
  if (Array.isArray(value)) addElements(value, size, seen)
  else if (ArrayBuffer.isView(value)) {
    // Only the part of the bytes that is its own is sent.
    if (!(value.buffer instanceof SharedArrayBuffer)) size.bytes += value.byteLength
  } else if (isPlain(value)) addProperties(value, size, seen)
  else addInstance(value, size, seen)
}

function addInstance(value: object, size: ValueSize, seen: Set<object>): void {
  size.obstacle ??= whyLost(value)
  size.bytes += value instanceof ArrayBuffer ? value.byteLength : OBJECT_BYTES
  if (!(value instanceof Map || value instanceof Set)) return
  for (const entry of value) {
    if (size.nodes > MOST_NODES) return
    add(entry, size, seen)
  }
}

function addProperties(value: object, size: ValueSize, seen: Set<object>): void {
  for (const key in value) {
    if (size.nodes > MOST_NODES) return
    size.bytes += key.length
    add((value as Record<string, unknown>)[key], size, seen)
  }
}

/** Visits the beginning of a long array; the rest is taken to be like it. */
function addElements(value: readonly unknown[], size: ValueSize, seen: Set<object>): void {
  if (!isPlain(value)) size.obstacle ??= whyLost(value)
  const { nodes, bytes } = size
  let looked = 0
  while (looked < value.length && size.nodes <= MOST_NODES) add(value[looked++], size, seen)
  if (looked === 0) return
  const times = value.length / looked
  size.nodes = nodes + (size.nodes - nodes) * times
  size.bytes = bytes + (size.bytes - bytes) * times
}
