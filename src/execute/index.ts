/** What begins runs. Node reads it, and the scheduler with it, at the first call: scripts/bundle.mjs sees to that. */
export { execute } from './execute.js'
export { optimize } from './optimize.js'
export { stream } from './stream.js'
