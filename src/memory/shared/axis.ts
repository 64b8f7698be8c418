import { rescaleUp } from './rate.js'

/**
 * A bucket at one moment, as a queue of callers needs it. Places on the axis are whole units relative to a base that changes from one
 * generation of parameters to the next; relative to it every place that matters is exact in a double.
 */
export interface Axis {
  readonly generation: number
  /** A unit is 10^-digits of a token. */
  readonly digits: number
  /** Where production is. */
  readonly produced: number
  /** Where the next reservation begins, unless tokens are too old there. */
  readonly spent: number
  readonly burst: number
  /** Milliseconds until a pause ends; 0 without one. */
  readonly pausedMs: number
  readonly requestsPerSecond: number
  readonly burstSize: number
  /** Absolute place of the base: 2^32 times the first, and the second. */
  readonly baseHigh: number
  readonly baseLow: number
}

/** How many numbers the addon writes of an axis. */
export const AXIS_FIELDS = 10

/** The axis that the addon has written; native/binding/waiting_calls.h has the same order. */
export function axisIn(fields: Float64Array): Axis {
  return {
    generation: fields[0] as number,
    digits: fields[1] as number,
    produced: fields[2] as number,
    spent: fields[3] as number,
    burst: fields[4] as number,
    pausedMs: fields[5] as number,
    requestsPerSecond: fields[6] as number,
    burstSize: fields[7] as number,
    baseHigh: fields[8] as number,
    baseLow: fields[9] as number,
  }
}

/** Where its base is, absolutely. */
export const baseOf = ({ baseHigh, baseLow }: Axis): bigint => (BigInt(baseHigh) << 32n) + BigInt(baseLow)

/** The fields of a base that a double holds exactly. */
export function axisBase(base: number): Pick<Axis, 'baseHigh' | 'baseLow'> {
  const baseHigh = Math.floor(base / 2 ** 32)
  return { baseHigh, baseLow: base - baseHigh * 2 ** 32 }
}

/** The base of {@link axisBase} again. */
export const exactBaseOf = ({ baseHigh, baseLow }: Axis): number => baseHigh * 2 ** 32 + baseLow

/** Farther from the base nothing ever stands that counts. */
export const FARTHEST = 2 ** 52

/** An absolute place, in parts of 10^-digits of a token, on an axis. */
export function placeOn(axis: Axis, position: bigint, digits: number): number {
  const there = Number(rescaleUp(position, digits, axis.digits) - baseOf(axis))
  return Math.max(-FARTHEST, Math.min(there, FARTHEST))
}

/** The same place on a later axis; stretches that share no unit share none afterwards. */
export function moved(place: number, from: Axis, to: Axis): number {
  return placeOn(to, baseOf(from) + BigInt(place), from.digits)
}
