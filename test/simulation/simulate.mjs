// Runs programs by their seeds, and tells of one that fails: `npm run simulate -- --seed 42 --count 1000`.
import { availableParallelism } from 'node:os'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { loadLibrary, simulatedCore } from './library.mjs'
import { Play } from './play.mjs'
import { programs } from './program.mjs'
import { DEATH } from './thread.mjs'

const SEED_COUNT = 2 ** 31
const MOST_SEED = SEED_COUNT - 1
const LINES = 60
const SHRINK_MS = 20_000
/** Between two of them what is garbage can be collected. */
const SEEDS_A_TURN = 20

/** What every program needs. */
export async function loadParts({ faults = [], core = simulatedCore() } = {}) {
  return { script: await loadLibrary(faults), module: new WebAssembly.Module(core) }
}

/** All turns of all threads so far: the same seeds have the same. */
export const tally = { turns: 0, deaths: 0 }

function check(seed, parts, shrink) {
  const property = fc.property(programs, (program) => {
    const play = new Play(program, parts)
    const violations = play.run()
    tally.turns += play.machine.turns
    tally.deaths += play.threads.filter((thread) => thread.isDead).length
    return violations.length === 0
  })
  return fc.check(property, {
    seed,
    numRuns: 1,
    endOnFailure: !shrink,
    ...(shrink && { interruptAfterTimeLimit: SHRINK_MS }),
  })
}

/** The first of the seeds that fails; undefined when none does. */
export async function firstFailing(seeds, parts) {
  for (const [i, seed] of seeds.entries()) {
    if (check(seed, parts, false).failed) return seed
    if (i % SEEDS_A_TURN === 0) await setImmediate()
  }
  return undefined
}

/** One page about a seed: what has failed, the smallest program that does so, and what happened in it. */
export function report(seed, parts) {
  const { failed, counterexample } = check(seed, parts, true)
  if (!failed) return `seed ${seed}: nothing found`
  const [program] = counterexample
  const play = new Play(program, { ...parts, isTraced: true })
  const [violation] = play.run()
  const { world, threads, objects, ops, deaths } = program
  return [
    `seed ${seed}: ${violation}`,
    `repeat it: npm run simulate -- --seed ${seed}`,
    `${threads} threads, ${JSON.stringify(world)}`,
    ...objects.map((object) => `  object ${JSON.stringify(object)}`),
    ...[...ops].sort((a, b) => a.atMs - b.atMs).map((op) => `  op ${JSON.stringify(op)}`),
    ...deaths.map((death) => `  death ${JSON.stringify(death)}`),
    ...play.machine.lines.slice(-LINES),
  ].join('\n')
}

/** @throws {RangeError} for what is no seed */
export function seedFrom(name, text, least = 0) {
  const number = Number(text)
  if (text !== undefined && text.trim() !== '' && Number.isInteger(number) && number >= least && number <= MOST_SEED)
    return number
  throw new RangeError(
    `--${name} must be an integer from ${least} to ${MOST_SEED}, as in "npm run simulate -- --seed 42 --count 1000"; received ${text === undefined ? 'nothing' : `'${text}'`}`,
  )
}

export const seedsFrom = (first, count) => Array.from({ length: count }, (_, i) => (first + i) % SEED_COUNT)

/** The same in several processes, each of which continues behind a seed that fails. @returns what failing ones have printed */
export async function inProcesses(first, count, processes = Math.min(availableParallelism(), count)) {
  const share = Math.ceil(count / processes)
  const shares = Array.from({ length: processes }, (_, i) =>
    simulated(first, i * share, Math.min(count, (i + 1) * share)),
  )
  return (await Promise.all(shares)).flat()
}

async function simulated(first, from, until) {
  const program = fileURLToPath(new URL('../../scripts/simulate.mjs', import.meta.url))
  const failures = []
  while (from < until) {
    const [seed] = seedsFrom(first + from, 1)
    const child = spawn(process.execPath, [program, '--seed', String(seed), '--count', String(until - from)])
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
    if ((await new Promise((resolve) => child.on('close', resolve))) === 0) return failures
    failures.push(output)
    const failing = /^seed (\d+): /m.exec(output)
    if (failing === null) throw new Error(`the simulation ended without the seed that fails:\n${output}`)
    from = ((Number(failing[1]) - first + SEED_COUNT) % SEED_COUNT) + 1
  }
  return failures
}

/** A dead thread leaves promises behind that nobody follows, and listeners that Node calls. */
for (const event of ['unhandledRejection', 'uncaughtException'])
  process.on(event, (error) => {
    if (error !== DEATH) throw error
  })
