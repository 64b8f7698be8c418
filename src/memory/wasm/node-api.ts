import { classOf, Heap, type WasmMemory } from './heap.js'

/** The exports of the module. */
export interface WasmExports {
  readonly __stack_pointer: { value: number }
  readonly __indirect_function_table: { get(index: number): (...numbers: number[]) => number }
  readonly napi_register_wasm_v1: (env: number, exports: number) => number
}

/** The services of this thread for the code in a memory; see native/wasm/host.cc. */
export interface Host {
  nowMs(): number
  threadId(): number
  isAlive(thread: number): number
}

/** A function of the module to call once its target has been collected, and the heap of that module. */
export interface Finalizer {
  readonly run: () => void
  readonly heap: Heap
}

const OK = 0
const INVALID = 1
const NONE: readonly unknown[] = []
/** Array types by class name, with the numbers of `napi_typedarray_type`. */
const KINDS = new Map<unknown, number>([
  ['Float64Array', 8],
  ['BigInt64Array', 9],
  ['BigUint64Array', 10],
])

/** Numbers of values that always exist. */
const UNDEFINED = 0
const FALSE = 1
const TRUE = 2
const NULL = 3

/**
 * The part of Node-API that native/binding uses, for the same code compiled to WebAssembly. It serves one instance of that code, in one
 * memory, for one thread. During a call, numbers stand for values.
 */
export class NodeApi {
  readonly exports: Record<string, unknown> = {}
  readonly #memory: WasmMemory
  readonly #heap: Heap
  readonly #finalize: (target: object, finalizer: Finalizer) => void
  readonly #values: unknown[] = [undefined, false, true, null]
  readonly #references = new Map<number, unknown>()
  #table!: WasmExports['__indirect_function_table']
  #lastReference = 0
  #instanceData = 0
  #arguments: readonly unknown[] = NONE
  #thrown: Error | undefined = undefined
  /** @param finalize - makes a finalizer run once its target has been collected */
  constructor(memory: WasmMemory, finalize: (target: object, finalizer: Finalizer) => void) {
    this.#memory = memory
    this.#heap = new Heap(memory)
    this.#finalize = finalize
  }

  /** The imports of the module, for `instantiate`. */
  imports(host: Host): Record<string, Record<string, unknown>> {
    const heap = this.#heap
    return {
      env: { memory: this.#memory },
      napi: this.#functions,
      host: {
        ...host,
        allocate: (bytes: number) => heap.allocate(bytes),
        free: (at: number) => heap.free(at),
        numberAt: (at: number) => this.#value(heap.numberAt(at)),
        format: (to: number, size: number, format: number, values: number) => heap.format(to, size, format, values),
      },
    }
  }

  /** Begins the instance, which puts its functions into {@link exports}. */
  begin(module: WasmExports): void {
    this.#table = module.__indirect_function_table
    module.__stack_pointer.value = this.#heap.stack
    this.#call(module.napi_register_wasm_v1, [], this.#value(this.exports))
  }

  /** Calls a callback of the module. */
  #call(callback: (env: number, info: number) => number, args: readonly unknown[], data: number): unknown {
    this.#arguments = args
    return this.#answer(callback(1, data))
  }

  #answer(number: number): unknown {
    const answer = this.#values[number]
    this.#values.length = NULL + 1
    this.#arguments = NONE
    this.#heap.copyBack()
    const error = this.#thrown
    if (error === undefined) return answer
    this.#thrown = undefined
    throw error
  }

  #value(value: unknown): number {
    return this.#values.push(value) - 1
  }

  #put(at: number, value: unknown): number {
    this.#heap.ints[at >> 2] = this.#value(value)
    return OK
  }

  #bound(callback: number, data: number): (...args: unknown[]) => unknown {
    const run = this.#table.get(callback)
    if (data === 0) return (...args) => this.#call(run, args, data)
    // The fast way for most decisions, which return undefined: granted.
    return (key?: unknown) => {
      if (key !== undefined) return this.#call(run, [key], data)
      const answer = run(1, data)
      return answer === UNDEFINED && this.#thrown === undefined ? undefined : this.#answer(answer)
    }
  }

  #finalizer(finalize: number, data: number, hint: number): Finalizer {
    const run = this.#table.get(finalize)
    return { run: () => void run(1, data, hint), heap: this.#heap }
  }

  readonly #throwNew = (make: new (message: string) => Error) => (_env: number, code: number, message: number) => {
    const error = new make(this.#heap.text(message))
    this.#thrown ??= code === 0 ? error : Object.assign(error, { code: this.#heap.text(code) })
    return OK
  }

  /** The functions, by their names in node_api.h. */
  readonly #functions = {
    napi_set_instance_data: (_env: number, data: number) => {
      this.#instanceData = data
      return OK
    },
    napi_get_instance_data: (_env: number, out: number) => {
      this.#heap.ints[out >> 2] = this.#instanceData
      return OK
    },
    napi_get_cb_info: (_env: number, info: number, count: number, values: number, _self: number, data: number) => {
      if (count !== 0) {
        const most = this.#heap.ints[count >> 2] as number
        for (let i = 0; i < most; i++) {
          const value = this.#arguments[i]
          this.#heap.ints[(values >> 2) + i] = value === undefined ? UNDEFINED : this.#value(value)
        }
      }
      // A callback receives its data as `info`.
      if (data !== 0) this.#heap.ints[data >> 2] = info
      return OK
    },
    napi_get_value_double: (_env: number, value: number, out: number) => {
      const number = this.#values[value]
      if (typeof number !== 'number') return INVALID
      this.#heap.doubles[out >> 3] = number
      return OK
    },
    napi_get_value_bool: (_env: number, value: number, out: number) => {
      const is = this.#values[value]
      if (typeof is !== 'boolean') return INVALID
      this.#heap.bytes[out] = is ? 1 : 0
      return OK
    },
    napi_get_value_string_utf8: (_env: number, value: number, to: number, size: number, length: number) => {
      const text = this.#values[value]
      if (typeof text !== 'string') return INVALID
      const written = to === 0 ? this.#heap.encode(text).length : this.#heap.write(text, to, size)
      if (length !== 0) this.#heap.ints[length >> 2] = written
      return OK
    },
    napi_get_value_string_utf16: (_env: number, value: number, to: number, size: number, length: number) => {
      const text = this.#values[value]
      if (typeof text !== 'string') return INVALID
      const units = to === 0 ? text.length : Math.min(text.length, size - 1)
      if (to !== 0) {
        for (let i = 0; i < units; i++) this.#heap.units[(to >> 1) + i] = text.charCodeAt(i)
        this.#heap.units[(to >> 1) + units] = 0
      }
      if (length !== 0) this.#heap.ints[length >> 2] = units
      return OK
    },
    napi_get_value_bigint_words: (_env: number, value: number, sign: number, count: number, out: number) => {
      const integer = this.#values[value]
      if (typeof integer !== 'bigint') return INVALID
      const room = this.#heap.ints[count >> 2] as number
      let rest = integer < 0n ? -integer : integer
      let words = 0
      for (; rest > 0n && words <= room; rest >>= 64n, words++)
        if (words < room) this.#heap.words[(out >> 3) + words] = rest
      if (sign !== 0) this.#heap.ints[sign >> 2] = integer < 0n ? 1 : 0
      this.#heap.ints[count >> 2] = words
      return OK
    },
    napi_get_typedarray_info: (
      _env: number,
      value: number,
      type: number,
      length: number,
      data: number,
      buffer: number,
    ) => {
      const array = this.#values[value] as Float64Array | BigInt64Array | BigUint64Array
      const kind = KINDS.get(classOf(array))
      if (kind === undefined) return INVALID
      const place = data === 0 ? 0 : this.#heap.placeOf(array)
      if (place === undefined) return INVALID
      if (type !== 0) this.#heap.ints[type >> 2] = kind
      if (length !== 0) this.#heap.ints[length >> 2] = array.length
      if (data !== 0) this.#heap.ints[data >> 2] = place
      return buffer === 0 ? OK : this.#put(buffer, array.buffer)
    },
    napi_is_arraybuffer: (_env: number, value: number, out: number) => {
      this.#heap.bytes[out] = classOf(this.#values[value]) === 'ArrayBuffer' ? 1 : 0
      return OK
    },
    napi_create_double: (_env: number, value: number, out: number) => this.#put(out, value),
    napi_create_string_utf8: (_env: number, at: number, bytes: number, out: number) =>
      this.#put(out, this.#heap.text(at, bytes)),
    napi_coerce_to_string: (_env: number, value: number, out: number) => this.#put(out, String(this.#values[value])),
    napi_get_boolean: (_env: number, value: number, out: number) => {
      this.#heap.ints[out >> 2] = value === 0 ? FALSE : TRUE
      return OK
    },
    napi_get_null: (_env: number, out: number) => {
      this.#heap.ints[out >> 2] = NULL
      return OK
    },
    napi_create_array: (_env: number, out: number) => this.#put(out, []),
    napi_get_array_length: (_env: number, value: number, out: number) => {
      this.#heap.ints[out >> 2] = (this.#values[value] as unknown[]).length
      return OK
    },
    napi_set_element: (_env: number, array: number, index: number, value: number) => {
      ;(this.#values[array] as unknown[])[index] = this.#values[value]
      return OK
    },
    napi_set_named_property: (_env: number, object: number, name: number, value: number) => {
      ;(this.#values[object] as Record<string, unknown>)[this.#heap.text(name)] = this.#values[value]
      return OK
    },
    napi_create_function: (_env: number, _name: number, _length: number, callback: number, data: number, out: number) =>
      this.#put(out, this.#bound(callback, data)),
    napi_add_finalizer: (_env: number, value: number, data: number, finalize: number, hint: number) => {
      this.#finalize(this.#values[value] as object, this.#finalizer(finalize, data, hint))
      return OK
    },
    napi_create_external: (_env: number, data: number, finalize: number, hint: number, out: number) => {
      const external = {}
      this.#finalize(external, this.#finalizer(finalize, data, hint))
      return this.#put(out, external)
    },
    napi_create_reference: (_env: number, value: number, _count: number, out: number) => {
      this.#references.set(++this.#lastReference, this.#values[value])
      this.#heap.ints[out >> 2] = this.#lastReference
      return OK
    },
    napi_delete_reference: (_env: number, reference: number) => {
      this.#references.delete(reference)
      return OK
    },
    napi_is_exception_pending: (_env: number, out: number) => {
      this.#heap.bytes[out] = this.#thrown === undefined ? 0 : 1
      return OK
    },
    napi_throw_error: this.#throwNew(Error),
    napi_throw_type_error: this.#throwNew(TypeError),
    napi_throw_range_error: this.#throwNew(RangeError),
  }
}
