import { type Clock, timeOf } from '../../internal/time/clock.js'
import { NEVER, nsFromMs } from './rate.js'

/** The time of `clock` in ns. */
export function nsOf(clock: Clock): bigint {
  return nsFromMs(timeOf(clock))
}

/** A longest wait in ns; NEVER is kept for what no wait is long enough for. */
export function waitNsFromMs(ms: number): bigint {
  return ms * 1e6 >= 2 ** 61 ? NEVER - 1n : nsFromMs(ms)
}

export function msFromWait(ns: bigint): number {
  return ns === NEVER ? Infinity : Number(ns) / 1e6
}
