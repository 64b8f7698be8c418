import { builtins } from '../builtins.js'

// Node's own timers, taken when this module loads, because a test framework may replace the globals later. A fake timer may never fire,
// since fakes are thrown away, and fakes cannot clear Node's timers. If a browser is imitated, the globals differ from the start.
const { timers } = builtins

export const realSetImmediate = timers.setImmediate
export const realSetTimeout = timers.setTimeout
export const realClearTimeout = timers.clearTimeout
export const realSetInterval = timers.setInterval
export const realClearInterval = timers.clearInterval
/** The program's own global, before a test framework replaced it. */
export const givenSetTimeout = setTimeout
/** Milliseconds since this thread began, for uses in which time must not stand still or go back, as it may in a test framework. */
export const realNow = performance.now.bind(performance)
