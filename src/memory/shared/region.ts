import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { describe } from '../../internal/options/validate.js'
import { FIRST_WASM_CELL, isWasmMemory, wasmCores } from '../wasm/core.js'
import { growMemory, PAGE_BYTES, type WasmMemory } from '../wasm/heap.js'
import { CELL_BYTES, LAYOUT_VERSION, REGION, WORDS_PER_CELL } from './layout.js'

/** A thousand cells: 64 KiB with the header. About two hundred limiters share one such buffer. */
const REGION_CELLS = 1023

/** Memory that threads share: a buffer with the addon, a memory of WebAssembly without it. */
export type SharedBuffer = SharedArrayBuffer | WasmMemory

/** The place of cells in shared memory, by which another thread finds them. */
export interface CellAddress {
  /** Holds the cells. */
  readonly buffer: SharedBuffer
  /** Index of the first cell. */
  readonly cell: number
}

/** Hands out cells of the region that this thread is filling. */
class CellAllocator {
  #region: CellAddress | undefined = undefined
  #used = 0

  allocate(count: number): CellAddress {
    if (this.#region === undefined || this.#used + count > REGION_CELLS) {
      this.#region = createRegion(REGION_CELLS)
      this.#used = 0
    }
    const { buffer, cell } = this.#region
    this.#used += count
    return { buffer, cell: cell + this.#used - count }
  }
}

const allocator = new CellAllocator()

/**
 * Hands out zeroed cells of shared memory. A buffer lives as long as anything refers to one of its cells. Cells are never
 * reused, since another thread may still have their address.
 *
 * @param count - how many neighbouring cells
 */
export function allocateCells(count: number): CellAddress {
  return allocator.allocate(count)
}

/** Hands out zeroed cells in their own buffer, for large objects. @throws {RangeError} when there is no memory */
export function allocateOwnBuffer(count: number): CellAddress {
  return createRegion(count)
}

/** Hands out zeroed cells that all users of the cells at `address` can use, too. */
export function allocateBeside({ buffer }: CellAddress, count: number): CellAddress {
  if (isSharedArrayBuffer(buffer)) return createRegion(count)
  return { buffer, cell: growMemory(buffer, Math.ceil((count * CELL_BYTES) / PAGE_BYTES)) / CELL_BYTES }
}

/**
 * The code that works on the cells of a buffer in this thread: the addon, or the same code as WebAssembly.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' when only the addon can
 */
export function coreOf(buffer: SharedBuffer): NativeAddon {
  const addon = nativeAddon()
  if (addon !== null) return addon
  if (!isSharedArrayBuffer(buffer)) return wasmCores.at(buffer)
  throw new SharedMemoryError(
    'handle.buffer was made with the native addon, which this thread cannot load: load it in all threads, or in none (AMORSIZE_NATIVE=0)',
    { reason: 'unavailable' },
  )
}

function createRegion(count: number): CellAddress {
  const hasAddon = nativeAddon() !== null
  const bytes = (count + 1) * CELL_BYTES
  // A growable buffer is page-aligned, an ordinary one only to 16 bytes: a cell must be one cache line.
  const buffer = hasAddon ? new SharedArrayBuffer(bytes, { maxByteLength: bytes }) : wasmCores.allocate(count)
  const header = new BigInt64Array(bytesOf(buffer), 0, WORDS_PER_CELL)
  header[REGION.version] = BigInt(LAYOUT_VERSION)
  Atomics.store(header, REGION.magic, REGION.magicValue)
  return { buffer, cell: hasAddon ? 1 : FIRST_WASM_CELL }
}

/** The bytes of a buffer. A memory of WebAssembly that has grown has another object for them. */
export function bytesOf(buffer: SharedBuffer): SharedArrayBuffer {
  return isSharedArrayBuffer(buffer) ? buffer : buffer.buffer
}

function isSharedArrayBuffer(buffer: unknown): buffer is SharedArrayBuffer {
  return builtins.util.types.isSharedArrayBuffer(buffer)
}

/** @throws {TypeError} when the memory of a handle is not shared, for instance a copy sent to another process as JSON */
export function checkShared(buffer: unknown): void {
  if (isSharedArrayBuffer(buffer) || isWasmMemory(buffer)) return
  throw new TypeError(
    'handle.buffer must be the SharedArrayBuffer of a region of amorsize, which goes to threads of its process only (other processes share' +
      ` what has the same name, with scope 'machine'); received ${describe(buffer)}`,
  )
}

/**
 * A view of the cells at `address`.
 *
 * @param count - how many cells the object there has
 * @param kindWord - the value that its first word must have
 * @param toEnd - whether the view extends to the end of the buffer
 * @throws {TypeError} when the buffer is not a region of this package, or the cell is outside it
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the region has another layout version, or holds something else there
 */
export function viewCells(address: CellAddress, count: number, kindWord: bigint, toEnd = false): BigInt64Array {
  const { cell } = address
  checkShared(address.buffer)
  const buffer = bytesOf(address.buffer)
  if (buffer.byteLength < 2 * CELL_BYTES || buffer.byteLength % CELL_BYTES !== 0) {
    throw new TypeError(
      `handle.buffer must be a region of amorsize; received a SharedArrayBuffer of ${buffer.byteLength} bytes`,
    )
  }
  const header = new BigInt64Array(buffer, 0, WORDS_PER_CELL)
  if (Atomics.load(header, REGION.magic) !== REGION.magicValue) {
    throw new TypeError('handle.buffer must be a region of amorsize; received a SharedArrayBuffer without its mark')
  }
  const version = Number(header[REGION.version])
  if (version !== LAYOUT_VERSION) {
    throw new SharedMemoryError(
      `handle.buffer is a region of layout version ${version}; this copy of amorsize understands version ${LAYOUT_VERSION}. Use one version of amorsize in all threads`,
      { reason: 'layout-version' },
    )
  }
  const cells = buffer.byteLength / CELL_BYTES
  if (!Number.isInteger(cell) || cell < 1 || cell + count > cells) {
    throw new TypeError(`handle.cell must be an integer from 1 to ${cells - count}; received ${describe(cell)}`)
  }
  const view = new BigInt64Array(buffer, cell * CELL_BYTES, (toEnd ? cells - cell : count) * WORDS_PER_CELL)
  if (Atomics.load(view, 0) !== kindWord) {
    throw new SharedMemoryError(`cell ${cell} of the region holds something else than the handle says`, {
      reason: 'wrong-kind',
    })
  }
  return view
}
