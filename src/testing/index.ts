/** Tools for testing code that uses this package. */
export { FakeClock } from './fake-clock.js'
export type { Clock } from '../internal/clock.js'
