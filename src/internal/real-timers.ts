import { builtins } from './builtins.js'

/** Jest takes this one away where it imitates a browser. */
const given = globalThis as { readonly setImmediate?: typeof setImmediate }

// Taken when the module loads: a test framework may put its own in their place later. What was set on those may never come, since they
// are thrown away, and they do not clear what was set on Node's.
export const realSetImmediate = given.setImmediate ?? builtins.timers.setImmediate
export const realSetTimeout = setTimeout
export const realClearTimeout = clearTimeout
export const realSetInterval = setInterval
export const realClearInterval = clearInterval
/** Milliseconds since this thread began: for what may not stand still, nor go back, as the time of a test framework does. */
export const realNow = performance.now.bind(performance)
