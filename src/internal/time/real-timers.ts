import { builtins } from '../builtins.js'

// Node's own, taken when the module loads: a test framework may put its own in their place later. A timer set there may never come,
// since they are thrown away, and they do not clear Node's. If a browser is imitated, the globals are other ones from the start.
const { timers } = builtins

export const realSetImmediate = timers.setImmediate
export const realSetTimeout = timers.setTimeout
export const realClearTimeout = timers.clearTimeout
export const realSetInterval = timers.setInterval
export const realClearInterval = timers.clearInterval
/** The global of this program before a test framework put its own in its place. */
export const givenSetTimeout = setTimeout
/** Milliseconds since this thread began: for what may not stand still, nor go back, as the time of a test framework does. */
export const realNow = performance.now.bind(performance)
