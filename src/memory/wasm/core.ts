import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { lazy } from '../../internal/lazy.js'
import { type NativeAddon, wasmBytes } from '../../internal/native.js'
import { machineNow } from '../../internal/time/clock.js'
import { CELL_BYTES } from '../shared/layout.js'
import { PAGE_BYTES, type WasmMemory } from './heap.js'
import { type Finalizer, NodeApi, type WasmExports } from './node-api.js'

declare module '../../internal/native.js' {
  interface NativeAddon {
    /** WebAssembly only: notes that a thread has ended, so that its holdings can be reclaimed. The addon has a clean-up hook for that. */
    threadEnded?(threadId: number): void
  }
}

/** The parts of WebAssembly that are used here; Node's types have none of them. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: WasmExports }
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory
}

/** As many pages as there are addresses for: 4 GB. */
const MOST_PAGES = 65_536
/** The first page has the header, in its first cell, and the constants of the module. */
export const FIRST_WASM_CELL = PAGE_BYTES / CELL_BYTES
/** Word of the header with a random number, which identifies the memory. */
const NUMBER = 3

/** Memories for processes without the addon, and this thread's core in each: the C++ of native/, compiled to WebAssembly. */
class WasmCores {
  readonly #compiled = lazy(() => compile(wasmBytes()))
  /** Keyed by the memory's number, since each message brings another object for the same memory. */
  readonly #byNumber = new Map<bigint, WeakRef<NativeAddon>>()
  readonly #forgotten = new FinalizationRegistry<bigint>((number) => {
    if (this.#byNumber.get(number)?.deref() === undefined) this.#byNumber.delete(number)
  })
  readonly #byMemory = new WeakMap<WasmMemory, NativeAddon>()
  /** Finalizers of objects that are not collected yet. They also run when the thread ends, since other threads wait for its holdings. */
  readonly #pending = new Set<Finalizer>()
  readonly #collected = new FinalizationRegistry<Finalizer>((finalizer) => {
    this.#pending.delete(finalizer)
    finalizer.run()
  })
  readonly #ended = new Set<number>()
  readonly #host = {
    nowMs: machineNow,
    threadId: () => builtins.workerThreads.threadId,
    isAlive: (thread: number) => (this.#ended.has(thread) ? 0 : 1),
  }

  /** Makes a memory with zeroed cells, from {@link FIRST_WASM_CELL} on. @throws {RangeError} when there is no memory */
  allocate(cells: number): WasmMemory {
    const { Memory } = this.#compiled().wasm
    const pages = 1 + Math.ceil((cells * CELL_BYTES) / PAGE_BYTES)
    const memory = new Memory({ initial: pages, maximum: MOST_PAGES, shared: true })
    const [number] = builtins.crypto.getRandomValues(new BigInt64Array(1))
    new BigInt64Array(memory.buffer)[NUMBER] = number as bigint
    return memory
  }

  /** The core in a memory. It has the functions of native/binding, except for those that need the system. */
  at(memory: WasmMemory): NativeAddon {
    const known = this.#byMemory.get(memory)
    if (known !== undefined) return known
    const number = new BigInt64Array(memory.buffer)[NUMBER] as bigint
    let core = this.#byNumber.get(number)?.deref()
    if (core === undefined) {
      core = this.#begin(memory)
      this.#byNumber.set(number, new WeakRef(core))
      this.#forgotten.register(core, number)
    }
    this.#byMemory.set(memory, core)
    return core
  }

  #begin(memory: WasmMemory): NativeAddon {
    const { wasm, module } = this.#compiled()
    const api = new NodeApi(memory, (target, finalizer) => {
      if (this.#pending.size === 0 && !builtins.workerThreads.isMainThread) process.once('exit', this.#endThread)
      this.#pending.add(finalizer)
      this.#collected.register(target, finalizer)
    })
    api.begin(new wasm.Instance(module, api.imports(this.#host)).exports)
    return { ...api.exports, threadEnded: (id: number) => void this.#ended.add(id) } as unknown as NativeAddon
  }

  readonly #endThread = (): void => {
    for (const { run, heap } of this.#pending) {
      heap.isOver = true
      run()
    }
  }
}

export const wasmCores = new WasmCores()

/** Whether a value is a memory of WebAssembly. */
export function isWasmMemory(value: unknown): value is WasmMemory {
  return Object.prototype.toString.call(value) === '[object WebAssembly.Memory]'
}

function compile(bytes: Uint8Array): { readonly wasm: Wasm; readonly module: object } {
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: Wasm }
  if (WebAssembly !== undefined) return { wasm: WebAssembly, module: new WebAssembly.Module(bytes) }
  throw new SharedMemoryError(
    'neither the native addon nor WebAssembly is there: take --jitless away, or reinstall amorsize where the addon can be loaded',
    { reason: 'unavailable' },
  )
}
