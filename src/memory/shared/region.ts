import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { describe } from '../../internal/options/validate.js'
import { CELL_BYTES, LAYOUT_VERSION, REGION, WORDS_PER_CELL } from './layout.js'

/** 64 KiB: a thousand cells, so about two hundred limiters share one buffer. */
const REGION_CELLS = 1024

/** Where cells are: enough for another thread to find them. */
export interface CellAddress {
  readonly buffer: SharedArrayBuffer
  /** Index of the first cell. */
  readonly cell: number
}

/** Hands out cells of the region that this thread fills. */
class CellAllocator {
  #region: SharedArrayBuffer | undefined = undefined
  #nextCell = 1

  allocate(count: number): CellAddress {
    if (this.#region === undefined || this.#nextCell + count > REGION_CELLS) {
      this.#region = createRegion(REGION_CELLS)
      this.#nextCell = 1
    }
    const address = { buffer: this.#region, cell: this.#nextCell }
    this.#nextCell += count
    return address
  }
}

const allocator = new CellAllocator()

/**
 * Hands out zeroed cells of shared memory. A buffer lives as long as something refers to one of its cells; cells are not
 * used twice, since another thread may still hold their address.
 *
 * @param count - how many neighbouring cells
 */
export function allocateCells(count: number): CellAddress {
  return allocator.allocate(count)
}

/** Hands out zeroed cells in a buffer of their own, for what is large. @throws {RangeError} when there is no memory */
export function allocateOwnBuffer(count: number): CellAddress {
  return { buffer: createRegion(count + 1), cell: 1 }
}

function createRegion(cells: number): SharedArrayBuffer {
  const bytes = cells * CELL_BYTES
  // A growable buffer is page-aligned, an ordinary one only to 16 bytes: a cell must be one cache line.
  const buffer = new SharedArrayBuffer(bytes, { maxByteLength: bytes })
  const header = new BigInt64Array(buffer, 0, WORDS_PER_CELL)
  header[REGION.version] = BigInt(LAYOUT_VERSION)
  header[REGION.cells] = BigInt(cells)
  Atomics.store(header, REGION.magic, REGION.magicValue)
  return buffer
}

/** @throws {TypeError} when the memory of a handle is none that threads share: another process has been sent a copy of it, as JSON */
export function checkShared(buffer: unknown): void {
  if (builtins.util.types.isSharedArrayBuffer(buffer)) return
  throw new TypeError(
    'handle.buffer must be the SharedArrayBuffer of a region of amorsize, which goes to threads of its process only (other processes share' +
      ` what has the same name, with scope 'machine'); received ${describe(buffer)}`,
  )
}

/**
 * A view of the cells at `address`.
 *
 * @param count - how many cells the thing there has
 * @param kindWord - what its first word must be
 * @throws {TypeError} when the buffer is no SharedArrayBuffer of this package, or the cell lies outside it
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the region is of another layout version, or holds something else there
 */
export function viewCells(address: CellAddress, count: number, kindWord: bigint): BigInt64Array {
  const { buffer, cell } = address
  checkShared(buffer)
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
  const view = new BigInt64Array(buffer, cell * CELL_BYTES, count * WORDS_PER_CELL)
  if (Atomics.load(view, 0) !== kindWord) {
    throw new SharedMemoryError(`cell ${cell} of the region holds something else than the handle says`, {
      reason: 'wrong-kind',
    })
  }
  return view
}
