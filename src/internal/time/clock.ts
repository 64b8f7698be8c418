import { nativeAddon } from '../native.js'
import { realClearTimeout, realNow, realSetTimeout } from './real-timers.js'

/**
 * A source of time and timers. Every limiter and policy takes one as `clock`. The default is
 * the system's monotonic clock; `FakeClock` of `amorsize/testing` is for tests.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale, fractions included. The origin does not matter. */
  now(): number
  /** Calls `fn` once after `ms` milliseconds; returns a handle for {@link Clock.clearTimeout}. */
  setTimeout(fn: () => void, ms: number): unknown
  /** Cancels a timer of {@link Clock.setTimeout}; a handle that has fired is ignored. */
  clearTimeout(handle: unknown): void
}

/** How often the offset between two clocks is measured. */
const ORIGIN_READINGS = 5

/** The longest delay Node's timers honour; a longer one fires at once (2^31 - 1 ms, 24.8 days). */
export const MAX_TIMER_MS = 2_147_483_647

declare module '../native.js' {
  interface NativeAddon {
    /** Puts the time into `clockCell`. */
    clockRead: () => void
    /** One cell for all copies of this code in the thread; each reads it right after `clockRead`. */
    readonly clockCell: Float64Array
    /** 'counter' if the processor's counter is read, else 'kernel'. */
    clockSource(): 'counter' | 'kernel'
  }
}

// `performance.now()` counts from the start of its own thread. This offset puts every thread of the machine on
// the scale of `process.hrtime()`, the clock that the addon reads (native/os/clock.h says which).
const originMs = measuredOrigin()

/** A delay between the two readings (compiling this code, at first) makes the offset smaller, so the largest one is the best. */
function measuredOrigin(): number {
  let bestMs = -Infinity
  for (let i = 0; i < ORIGIN_READINGS; i++) bestMs = Math.max(bestMs, monotonicMs() - realNow())
  return bestMs
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

/**
 * Milliseconds on the scale of the default clock, even if timers are faked, because other threads use that scale, too. It does not load
 * the addon, for threads that need it for nothing else.
 */
export function machineNow(): number {
  return originMs + realNow()
}

/** Node's own `performance.now`. Fake timers of a test framework replace it; then their time counts. */
const nodeNow: unknown = Reflect.get(performance, 'now')

/** Returns the time of `clock`. @throws {RangeError} when it is not a finite number, by which no limit could be kept */
export function timeOf(clock: Clock): number {
  const ms: unknown = clock.now()
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw new RangeError(`clock.now() must return a finite number of milliseconds; received ${String(ms)} (${typeof ms})`)
}

/** Reads the same clock as {@link machineNow}, at less than half the cost if the addon is there. */
function quickestNow(): () => number {
  const addon = nativeAddon()
  if (addon === null) return machineNow
  const { clockRead, clockCell } = addon
  return () => {
    clockRead()
    return clockCell[0] as number
  }
}

class SystemClock implements Clock {
  #read = (): number => {
    this.#read = quickestNow()
    return this.#read()
  }

  /** The last `performance.now` of a test framework, and the offset from its time to ours. */
  #fake: unknown = nodeNow
  #fakeOriginMs = 0

  readonly now = (): number => ((performance.now as unknown) === nodeNow ? this.#read() : this.#fakedNow())
  readonly setTimeout = (fn: () => void, ms: number): unknown => setTimeout(fn, ms)
  readonly clearTimeout = (handle: unknown): void => clearTimeout(handle as NodeJS.Timeout)

  /** Fake time may begin anywhere, as at 0. It is shifted to continue from our time when first seen, so that earlier waits fall due. */
  #fakedNow(): number {
    const now: unknown = Reflect.get(performance, 'now')
    if (now !== this.#fake) {
      this.#fake = now
      this.#fakeOriginMs = this.#read() - performance.now()
    }
    return this.#fakeOriginMs + performance.now()
  }
}

/** The default clock: CLOCK_MONOTONIC and Node's timers. All threads and processes of a machine agree on it. */
export const systemClock: Clock = new SystemClock()

/** Node's own time and timers, even if a test framework replaces them: for communication with others, whose time does not stand still. */
export const realClock: Clock = {
  now: realNow,
  setTimeout: realSetTimeout,
  clearTimeout: (handle) => realClearTimeout(handle as NodeJS.Timeout),
}
