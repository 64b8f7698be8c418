/** The functions that begin runs. Node reads them and the scheduler at the first call: scripts/bundle.mjs sees to that. */
export { execute } from './execute.js'
export { optimize } from './optimize.js'
export { stream } from './stream.js'
