import { crc32 } from 'node:zlib'

const MAX_DEPTH = 1000
const FLUSH_CHARS = 64 * 1024

const number = new Float64Array(1)
const numberBytes = new Uint8Array(number.buffer)

/**
 * Returns a checksum of the contents of `item`, the same in every process. `v8.serialize` would not do: it writes equal strings and
 * numbers in several ways, by how they were made.
 *
 * @returns 32 bits
 */
export function digestOf(item: unknown): number {
  if (typeof item === 'number') {
    number[0] = Number.isNaN(item) ? NaN : item
    return crc32(numberBytes)
  }
  if (typeof item === 'string') return crc32(item, 1)
  const walk = new Walk()
  try {
    walk.visit(item, 0)
  } catch {
    // A getter or a proxy has thrown: this item cannot be described, in any process.
    return 0
  }
  return walk.end()
}

/** Adds `digest` to a running checksum of all items so far. */
export function chained(running: number, digest: number): number {
  number[0] = digest
  return crc32(numberBytes, running)
}

class Walk {
  #crc = 2
  #text = ''
  readonly #seen = new Map<object, number>()

  end(): number {
    return crc32(this.#text, this.#crc)
  }

  visit(value: unknown, depth: number): void {
    if (this.#text.length > FLUSH_CHARS) {
      this.#crc = crc32(this.#text, this.#crc)
      this.#text = ''
    }
    if (typeof value === 'string') this.#text += `s${value.length}:${value}`
    else if (typeof value === 'number') this.#text += Object.is(value, -0) ? 'n-0;' : `n${value};`
    else if (typeof value === 'object' && value !== null) this.#visitObject(value, depth)
    else this.#text += `${typeof value} ${String(value)};`
  }

  #visitObject(value: object, depth: number): void {
    const before = this.#seen.get(value)
    if (before !== undefined || depth > MAX_DEPTH) {
      this.#text += `@${before ?? 'deep'};`
      return
    }
    this.#seen.set(value, this.#seen.size)
    if (Array.isArray(value)) this.#all('[', value, depth)
    else if (ArrayBuffer.isView(value))
      this.#bytes(value, new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    else if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
      this.#bytes(value, new Uint8Array(value))
    else if (value instanceof Date) this.#text += `date ${value.getTime()};`
    else if (value instanceof RegExp) this.#text += `${String(value)};`
    else if (value instanceof Map) this.#all('map', [...value].flat(), depth)
    else if (value instanceof Set) this.#all('set', [...value], depth)
    else if (value instanceof Error) this.#all('error', [value.name, value.message], depth)
    else {
      this.#text += '{'
      for (const key of Object.keys(value)) {
        this.#text += `${key.length}:${key}`
        this.visit((value as Record<string, unknown>)[key], depth + 1)
      }
      this.#text += '}'
    }
  }

  #all(kind: string, values: readonly unknown[], depth: number): void {
    this.#text += `${kind}${values.length}:`
    for (const value of values) this.visit(value, depth + 1)
  }

  #bytes(value: object, bytes: Uint8Array): void {
    this.#crc = crc32(bytes, crc32(`${this.#text}${value.constructor.name}${bytes.length}:`, this.#crc))
    this.#text = ''
  }
}
