/**
 * Tools for testing code that uses this package: the entry `amorsize/testing`.
 *
 * @module
 */
export { ChaosError } from '../errors.js'
// scripts/bundle.mjs makes Node load this file, and the policies that it imports, only at the first call.
export { chaos } from './chaos.js'
export type { Chaos, ChaosChange, ChaosEvents, ChaosOptions, ChaosStats } from './chaos.js'
export { FakeClock } from './fake-clock.js'
export { readSystemInfo, type ReadSystemInfoOptions } from './read-system-info.js'
export type { Clock } from '../internal/time/clock.js'
