import { SharedMemoryError } from '../../errors.js'

/** The part of `WebAssembly.Memory` that is used here: Node's types have none of it. */
export interface WasmMemory {
  /** The bytes as they are now; another object after {@link WasmMemory.grow}. */
  readonly buffer: SharedArrayBuffer
  /** Adds pages of 64 KiB. @returns how many there were before */
  grow(pages: number): number
}

export const PAGE_BYTES = 65_536

/**
 * Adds pages to a memory; returns the address where they begin.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'full' when there are none left
 */
export function growMemory(memory: WasmMemory, pages: number): number {
  try {
    return memory.grow(pages) * PAGE_BYTES
  } catch (cause) {
    throw new SharedMemoryError(
      `a shared memory of ${memory.buffer.byteLength} bytes cannot be made larger by ${pages * PAGE_BYTES}: share fewer objects from one thread, or start fewer threads`,
      { reason: 'full', cause },
    )
  }
}

/** The name of the class of an array or buffer. Jest mixes the classes of two contexts, so `instanceof` does not work. */
export const classOf = (value: unknown): unknown =>
  (value as { [Symbol.toStringTag]?: unknown } | undefined)?.[Symbol.toStringTag]

const isDoubles = (array: unknown): array is Float64Array => classOf(array) === 'Float64Array'

/** Parts of the first page of an instance: its stack, and room for JavaScript arrays during a call. */
const STACK_BYTES = 16_384
const SCRATCH_BYTES = 1024
/** The head before each piece has its size, as a power of two. Pieces are aligned to the size of the head. */
const HEAD_BYTES = 16

/**
 * The part of a memory that belongs to one instance: its stack, its allocations, and copies of JavaScript arrays during a call. It never
 * shrinks before the memory is collected.
 */
export class Heap {
  ints!: Int32Array
  doubles!: Float64Array
  words!: BigUint64Array
  bytes!: Uint8Array
  units!: Uint16Array
  /** The address where the stack begins; it grows down. */
  readonly stack: number
  /** Whether the thread is ending: released memory then stays as it is, for calls that may still come. */
  isOver = false
  // Made with the heap, because loading the package needs neither.
  readonly #decoder = new TextDecoder()
  readonly #encoder = new TextEncoder()
  readonly #memory: WasmMemory
  readonly #copies: { readonly array: Float64Array | BigUint64Array; readonly at: number }[] = []
  #scratchEnd: number
  /** The address of the next piece, and the end of its page; then free pieces, by their power of two. */
  #next: number
  #end: number
  readonly #free: number[][] = []

  constructor(memory: WasmMemory) {
    this.#memory = memory
    const page = this.#grow(1)
    this.stack = this.#scratchEnd = page + STACK_BYTES
    this.#next = this.stack + SCRATCH_BYTES
    this.#end = page + PAGE_BYTES
  }

  allocate(bytes: number): number {
    const power = Math.max(5, 32 - Math.clz32(bytes + HEAD_BYTES - 1))
    const free = this.#free[power]?.pop()
    if (free !== undefined) return free
    const size = 2 ** power
    if (this.#next + size > this.#end) {
      const pages = Math.ceil(size / PAGE_BYTES)
      this.#next = this.#grow(pages)
      this.#end = this.#next + pages * PAGE_BYTES
    }
    const at = this.#next + HEAD_BYTES
    this.ints[this.#next >> 2] = power
    this.#next += size
    return at
  }

  free(at: number): void {
    if (at !== 0 && !this.isOver) (this.#free[this.ints[(at - HEAD_BYTES) >> 2] as number] ??= []).push(at)
  }

  /** A view of a number of the heap. */
  numberAt(at: number): Float64Array {
    return new Float64Array(this.#memory.buffer, at, 1)
  }

  /** Reads text that ends with a 0 or, if `bytes` is given, after so many bytes. */
  text(at: number, bytes = -1): string {
    const end = bytes < 0 ? this.bytes.indexOf(0, at) : at + bytes
    // A copy, since a decoder accepts no shared memory.
    return this.#decoder.decode(this.bytes.slice(at, end))
  }

  encode(text: string): Uint8Array {
    return this.#encoder.encode(text)
  }

  /** Writes text as far as there is room, and a 0; returns how many bytes of text were written. */
  write(text: string, to: number, size: number): number {
    const bytes = this.encode(text).subarray(0, size - 1)
    this.bytes.set(bytes, to)
    this.bytes[to + bytes.length] = 0
    return bytes.length
  }

  /** `snprintf` for `%s` and `%.16g`. */
  format(to: number, size: number, format: number, values: number): number {
    let at = values
    const text = this.text(format).replace(/%(s|\.16g)/g, (_, kind) => {
      if (kind === 's') return this.text(this.ints[(at += 4) / 4 - 1] as number)
      at = Math.ceil(at / 8) * 8 + 8
      return String(this.doubles[at / 8 - 1])
    })
    return this.write(text, to, size)
  }

  /**
   * The address of an array's numbers. An array outside this memory is copied into it until {@link copyBack}. `undefined` if there is no
   * room; no function takes such a long array.
   */
  placeOf(array: Float64Array | BigInt64Array | BigUint64Array): number | undefined {
    if (classOf(array.buffer) !== 'ArrayBuffer') return array.byteOffset
    const at = this.#scratchEnd
    if (at + 8 * array.length > this.stack + SCRATCH_BYTES) return undefined
    this.#scratchEnd += 8 * array.length
    if (isDoubles(array)) this.doubles.set(array, at / 8)
    else this.words.set(array, at / 8)
    this.#copies.push({ array: array as Float64Array, at })
    return at
  }

  /** Ends a call: copies the numbers that it has written back to its arrays. */
  copyBack(): void {
    if (this.#copies.length === 0) return
    for (const { array, at } of this.#copies)
      if (isDoubles(array)) array.set(this.doubles.subarray(at / 8, at / 8 + array.length))
    this.#copies.length = 0
    this.#scratchEnd = this.stack
  }

  #grow(pages: number): number {
    const at = growMemory(this.#memory, pages)
    const { buffer } = this.#memory
    this.ints = new Int32Array(buffer)
    this.doubles = new Float64Array(buffer)
    this.words = new BigUint64Array(buffer)
    this.bytes = new Uint8Array(buffer)
    this.units = new Uint16Array(buffer)
    return at
  }
}
