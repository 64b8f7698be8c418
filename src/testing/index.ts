/**
 * Tools for testing code that uses this package: the entry `amorsize/testing`.
 *
 * @module
 */
export { FakeClock } from './fake-clock.js'
export { readSystemInfo, type ReadSystemInfoOptions } from './read-system-info.js'
export type { Clock } from '../internal/time/clock.js'
