// The schedules that are tried to find the best there is.

/** Items in a chunk; null leaves the size to execute, which then shares numbers through memory. */
const CHUNK_SIZES = [null, 1, 4, 16, 64, 256, 1024]

/**
 * @typedef {object} Schedule
 * @property {string} name
 * @property {import('../../dist/index.js').ScheduleOptions | null} options - what execute is told; null for the loop
 */

/**
 * Returns the plain loop and every way to use worker threads: up to as many as there are cores, with and without this thread,
 * with each chunk size of which each thread would get one.
 *
 * @param {number} count - items
 * @param {number} cores
 * @returns {Schedule[]}
 */
export function schedules(count, cores) {
  const workerCounts = [...new Set([1, Math.max(1, cores - 1), cores])]
  const all = [{ name: 'loop', options: null }]
  for (const workers of workerCounts) {
    for (const mainThread of [true, false]) {
      const threads = workers + (mainThread ? 1 : 0)
      for (const chunkSize of CHUNK_SIZES) {
        if (chunkSize !== null && chunkSize > 1 && chunkSize * threads > count) continue
        all.push({
          name: `${workers} ${workers === 1 ? 'worker' : 'workers'}${mainThread ? ' and this thread' : ''}, ${chunkSize === null ? 'own chunks' : `chunks of ${chunkSize}`}`,
          options: { mode: 'threads', workers, mainThread, ...(chunkSize === null ? {} : { chunkSize }) },
        })
      }
    }
  }
  return all
}

/**
 * Returns the schedules worth a second look: the fastest by their first times. The best of many noisy times is too good to be
 * true, so what counts is measured anew for these few.
 *
 * @template {{ ms: number }} T
 * @param {T[]} trials
 * @param {number} most
 * @returns {T[]}
 */
export function shortList(trials, most) {
  return [...trials].sort((a, b) => a.ms - b.ms).slice(0, most)
}
