import type { Importer } from './bench-case.js'
import { benchCase } from './bench-cases.js'
import { measureThreads, type ThreadMode } from './bench-threads.js'
import { reportToParent } from './child-process.js'
import { measureCase } from './measure.js'

/** The entry points of the processes that `amorsize bench` starts; each measures one thing and reports it to the parent. */

/**
 * Measures one case.
 *
 * @param args - case id, duration in milliseconds
 * @param importer - `import()` as evaluated in the project whose packages are measured
 */
export async function measureCaseForParent(args: readonly string[], importer: Importer): Promise<void> {
  const [id, durationMs] = args
  if (id === undefined || durationMs === undefined) throw new TypeError('a case id and a duration are needed')
  await reportToParent(() => measureCase(benchCase(id), importer, Number(durationMs)))
}

/**
 * Measures threads on one bucket.
 *
 * @param args - mode, number of threads, duration in milliseconds
 */
export async function measureThreadsForParent(args: readonly string[]): Promise<void> {
  const [mode, threads, durationMs] = args
  if (mode === undefined || threads === undefined || durationMs === undefined) {
    throw new TypeError('a mode, a number of threads and a duration are needed')
  }
  await reportToParent(() => measureThreads(mode as ThreadMode, Number(threads), Number(durationMs)))
}
