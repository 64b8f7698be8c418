import { SharedMemoryError } from '../../errors.js'
import { nativeAddon } from '../../internal/native.js'
import { CELL_BYTES, KIND, kindWord, SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'
import { NativeSemaphore } from './native.js'
import { allocateCells, type CellAddress, viewCells } from '../shared/region.js'
import { cellsOf, type Semaphore, type SemaphoreLimits, type SemaphoreShape, SHARED_SHAPE } from './semaphore.js'
import { TwinSemaphore } from './twin.js'

/** A semaphore and where its cells are. */
export interface PlacedSemaphore {
  readonly semaphore: Semaphore
  readonly address: CellAddress
}

/** Makes a new semaphore in cells of its own. */
export function createSemaphore(limits: SemaphoreLimits, shape: SemaphoreShape): PlacedSemaphore {
  const count = cellsOf(shape, limits.least)
  const address = allocateCells(count)
  const addon = nativeAddon()
  const view = new BigInt64Array(address.buffer, address.cell * CELL_BYTES, count * WORDS_PER_CELL)
  const semaphore =
    addon === null ? TwinSemaphore.create(view, limits, shape) : NativeSemaphore.create(addon, view, limits, shape)
  return { semaphore: orFull(semaphore), address }
}

/** Opens a semaphore of the usual shape that another thread may have made with these limits. Throws as `viewCells` does. */
export function openSemaphore(address: CellAddress, { least }: SemaphoreLimits): PlacedSemaphore {
  const view = viewCells(address, cellsOf(SHARED_SHAPE, least), kindWord(KIND.semaphore))
  const addon = nativeAddon()
  return { semaphore: orFull(addon === null ? TwinSemaphore.open(view) : NativeSemaphore.open(addon, view)), address }
}

/** @throws {SharedMemoryError} ERR_SHARED_MEMORY when `semaphore` has no row left for this thread */
export function orFull<S extends Semaphore>(semaphore: S | null): S {
  if (semaphore !== null) return semaphore
  throw new SharedMemoryError(
    `this semaphore is in use by as many threads as it has room for (at most ${SEMAPHORE.rows}; a thread that was sent copies of a handle counts once for each, until their bulkheads are collected)`,
    { reason: 'full' },
  )
}
