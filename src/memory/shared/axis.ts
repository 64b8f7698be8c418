import { rescaleUp } from './rate.js'

/**
 * A bucket at one moment, as a queue of callers needs it. Places on the axis are whole units relative to a base that changes from one
 * generation of parameters to the next; relative to it every place that matters is exact in a double.
 */
export interface Axis {
  readonly generation: number
  /** A unit is 10^-digits of a token. */
  readonly digits: number
  /** The place up to which tokens have been produced. */
  readonly produced: number
  /** The place where the next reservation begins, unless tokens there are too old. */
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

/** How many numbers the addon writes for an axis. */
export const AXIS_FIELDS = 10

/** Reads the axis that the addon has written; native/binding/waiting_calls.h has the same order. */
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

/** The absolute place of its base. */
export const baseOf = ({ baseHigh, baseLow }: Axis): bigint => (BigInt(baseHigh) << 32n) + BigInt(baseLow)

/** The fields for a base that a double holds exactly. */
export function axisBase(base: number): Pick<Axis, 'baseHigh' | 'baseLow'> {
  const baseHigh = Math.floor(base / 2 ** 32)
  return { baseHigh, baseLow: base - baseHigh * 2 ** 32 }
}

/** The base from which {@link axisBase} made the fields. */
export const exactBaseOf = ({ baseHigh, baseLow }: Axis): number => baseHigh * 2 ** 32 + baseLow

/** No place that matters is farther from the base than this. */
export const FARTHEST = 2 ** 52

/** The place on an axis of an absolute position, which is in parts of 10^-digits of a token. */
export function placeOn(axis: Axis, position: bigint, digits: number): number {
  const there = Number(rescaleUp(position, digits, axis.digits) - baseOf(axis))
  return Math.max(-FARTHEST, Math.min(there, FARTHEST))
}

/** The same place on a later axis; stretches that share no unit share none afterwards. */
export function moved(place: number, from: Axis, to: Axis): number {
  return placeOn(to, baseOf(from) + BigInt(place), from.digits)
}
