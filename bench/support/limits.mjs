/** A rate no loop can exhaust: a thousand million per second, with as many in store. */
export const PLENTY = 1_000_000_000

/** A rate that gives nothing within a measurement: one call in this many seconds. */
export const SCARCE_SECONDS = 1000

/** The key under which keyed limiters count where there is one limit; one key, as one limiter has one bucket. */
export const KEY = 'key'
