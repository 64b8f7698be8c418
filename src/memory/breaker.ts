import type { Clock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import type { BreakerStateNumber, CallResult } from './circuit-breaker.js'
import { BREAKER, BREAKER_PARAMETER, CELL_BYTES, KIND, WORDS_PER_CELL, kindWord } from './layout.js'
import { NativeBreaker } from './native-breaker.js'
import { type CellAddress, allocateCells, viewCells } from './region.js'
import { TwinBreaker } from './twin-breaker.js'

/** Longest time and largest count a breaker takes. */
export const MAX_BREAKER_MS = 1e11
export const MAX_BREAKER_COUNT = 1e6

/** The answer to a call that asked to be made. */
export interface Admission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  /** Counts transitions. */
  readonly generation: number
  /** Of a call that was not admitted: milliseconds; Infinity: no time will do. */
  readonly retryAfterMs: number
  /** Of a probe: what stands for its place. That is the breaker's own affair; null for a call of a closed breaker. */
  readonly probe: unknown
}

/** One circuit breaker as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Breaker {
  /** Bound, and cheap: undefined for a call that may be made in the closed state of the last {@link Breaker.enter}; else false: enter. */
  readonly admit: () => undefined | false
  /** Bound, and cheap: a call of that closed state succeeded and was not slow. False when the state is over, or was ended by this. */
  readonly succeed: () => undefined | false
  /** Asks to make a call. */
  enter(): Admission
  /** Tells how a call ended; returns whether that made a transition. One of an earlier generation tells nothing. */
  settle(admission: Pick<Admission, 'generation' | 'probe'>, result: CallResult, isSlow: boolean): boolean
  /** Both return whether they made a transition. */
  isolate(): boolean
  close(): boolean
  /** As a call would find it: half-open once a probe would be admitted. */
  state(): BreakerStateNumber
  /** State and generation as they stand. */
  control(): { state: BreakerStateNumber; generation: number }
}

/** Where a breaker's cells are, and the breaker. */
export interface PlacedBreaker {
  readonly breaker: Breaker
  readonly address: CellAddress
}

/** How many cells a breaker of these parameters takes. */
export function breakerCells(parameters: Float64Array): number {
  const size = parameters[BREAKER_PARAMETER.size] as number
  const mode = parameters[BREAKER_PARAMETER.mode]
  const window =
    mode === 1 ? 1 + Math.ceil(size / BREAKER.callsPerWord) : mode === 2 ? BREAKER.slices * BREAKER.wordsPerSlice : 0
  const lines = (words: number): number => Math.ceil(words / WORDS_PER_CELL)
  return BREAKER.headCells + lines(parameters[BREAKER_PARAMETER.successThreshold] as number) + lines(window)
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
