import type { Clock } from '../../internal/clock.js'
import { nativeAddon } from '../../internal/native.js'
import { type Breaker, breakerCells } from './breaker.js'
import { CELL_BYTES, KIND, WORDS_PER_CELL, kindWord } from '../shared/layout.js'
import { NativeBreaker } from './native.js'
import { type CellAddress, allocateCells, viewCells } from '../shared/region.js'
import { TwinBreaker } from './twin.js'

/** Where a breaker's cells are, and the breaker. */
export interface PlacedBreaker {
  readonly breaker: Breaker
  readonly address: CellAddress
}

/** Makes a closed breaker in cells of its own. */
export function createBreaker(parameters: Float64Array, clock: Clock): PlacedBreaker {
  const cells = breakerCells(parameters)
  const address = allocateCells(cells)
  const addon = nativeAddon()
  const view = new BigInt64Array(address.buffer, address.cell * CELL_BYTES, cells * WORDS_PER_CELL)
  const breaker =
    addon === null ? TwinBreaker.create(view, parameters, clock) : NativeBreaker.create(addon, view, parameters, clock)
  return { breaker, address }
}

/** Opens the breaker another thread has made, with these parameters. Throws as `viewCells` does. */
export function openBreaker(address: CellAddress, parameters: Float64Array, clock: Clock): PlacedBreaker {
  const view = viewCells(address, breakerCells(parameters), kindWord(KIND.circuitBreaker))
  const addon = nativeAddon()
  return { breaker: addon === null ? new TwinBreaker(view, clock) : NativeBreaker.open(addon, view, clock), address }
}
