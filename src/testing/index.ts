/**
 * Tools for testing code that uses this package: the entry `amorsize/testing`.
 *
 * @module
 */
export { ChaosError } from '../errors.js'
// Node reads it, and the policies with it, at the first call: scripts/bundle.mjs sees to that.
export { chaos } from './chaos.js'
export type { Chaos, ChaosChange, ChaosEvents, ChaosOptions, ChaosStats } from './chaos.js'
export { FakeClock } from './fake-clock.js'
export { readSystemInfo, type ReadSystemInfoOptions } from './read-system-info.js'
export type { Clock } from '../internal/time/clock.js'
