// Runs cases in turn, several rounds of them, each in a process of its own.
import { fileURLToPath } from 'node:url'
import { runChild } from '../../dist/cli/child-process.js'

/**
 * Runs every job once a round. The rounds interleave the jobs, so that a slow minute of the machine falls on all of them, and
 * every other round goes backwards, so that none always follows the same one.
 *
 * @template T
 * @param {{ id: string, run: () => Promise<T> }[]} jobs
 * @param {number} rounds
 * @returns {Promise<Map<string, T[]>>} the results of each job by its id
 */
export async function runRounds(jobs, rounds) {
  const results = new Map(jobs.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? jobs : [...jobs].reverse()
    for (const { id, run } of order) {
      process.stderr.write(`round ${round + 1}/${rounds}: ${id}\n`)
      try {
        results.get(id).push(await run())
      } catch (error) {
        throw new Error(`${id}: ${error.message}`, { cause: error })
      }
    }
  }
  return results
}

/** For programs that look at the heap. */
export const GC = { flags: ['--expose-gc'] }

/**
 * Returns a function that makes jobs of programs beside the one at `base`; they answer with `reportToParent`.
 *
 * @param {string} base
 * @returns {(id: string, file: string, args: (string | number)[], options?: { flags?: string[], env?: Record<string, string> }) => { id: string, run: () => Promise<any> }}
 */
export function jobsBeside(base) {
  return (id, file, args, { flags = [], env = {} } = {}) => {
    const program = fileURLToPath(new URL(file, base))
    return { id, run: () => runChild([...flags, program, ...args.map(String)], { env }) }
  }
}

/**
 * The order of one cycle within a process: each begins with another, and every other one goes backwards, so that none always follows the same.
 *
 * @template T
 * @param {T[]} all
 * @param {number} cycle
 */
export function inTurn(all, cycle) {
  const first = cycle % all.length
  const turned = [...all.slice(first), ...all.slice(0, first)]
  return cycle % 2 === 0 ? turned : turned.reverse()
}
