// The processes of `amorsize bench`: each measures one thing and reports it to its parent. `npm run compile` joins this file with all
// that it imports from bench/ into dist/cli/bench/bench-child.js.
import { reportToParent } from '../../dist/cli/child-process.js'
import { caseNamed } from './cases.mjs'
import { measureCase } from './measure.mjs'
import { measureThreads } from './threads.mjs'

export { cases } from './cases.mjs'

/**
 * Measures one case.
 *
 * @param {string[]} args - case id, duration in milliseconds
 * @param {(name: string) => Promise<any>} load - `import()` as evaluated in the project whose packages are measured
 */
export async function measureCaseForParent([id, durationMs], load) {
  await reportToParent(() => measureCase(caseNamed(id), load, Number(durationMs)))
}

/**
 * Measures threads on one bucket.
 *
 * @param {string[]} args - mode, number of threads, duration in milliseconds
 */
export async function measureThreadsForParent([mode, threads, durationMs]) {
  await reportToParent(() => measureThreads(mode, Number(threads), Number(durationMs)))
}
