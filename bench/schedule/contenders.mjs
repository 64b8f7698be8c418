// Who runs the items: this package and the rivals, as their documentation shows them. `start` makes ready for one workload and
// returns `run`, which is measured, and `how`, what was chosen by hand. Pools end with the process.
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { execute, optimize } from '../../dist/bundle/index.js'
import { plainLoop } from './timing.mjs'

const cores = availableParallelism()
const file = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Not the function that is measured: what is known of that one comes from its own runs. */
const one = () => 1

/** Chunks for each thread that are tried by hand, and tasks for each thread at a time. */
const CHUNKS_EACH = [1, 2, 8, 32]
const AT_A_TIME = [1, 2]
const TRIALS = 3

/** The least that anything costs that returns a promise; it is no contender. */
export const FLOOR = 'floor'

export const contenders = {
  amorsize: {
    title: 'amorsize',
    async start({ call }) {
      // Workers are there, as after any run that was worth them, even for cells that would start none.
      await execute(one, [1, 2, 3, 4], { mode: 'threads', workers: Math.max(1, cores - 1), mainThread: false })
      return { run: (items) => execute(call, items) }
    },
    /** What runs have found an item to take; null when they have left nothing. */
    async rememberedMs({ call, items }) {
      const { cacheHit, profile } = await optimize(call, items)
      return cacheHit ? profile.itemMs : null
    },
  },
  piscina: {
    title: 'piscina',
    async start({ call }) {
      const { Piscina } = await import('piscina')
      const pool = new Piscina({ filename: file('rival-tasks.mjs') })
      return { run: (items) => Promise.all(items.map((item) => pool.run(item, { name: call.name }))) }
    },
  },
  'piscina-tuned': { title: 'piscina, tuned by hand', start: startTunedPiscina },
  tinypool: {
    title: 'tinypool',
    async start({ call }) {
      const { Tinypool } = await import('tinypool')
      const pool = new Tinypool({ filename: file('rival-tasks.mjs') })
      return { run: (items) => Promise.all(items.map((item) => pool.run(item, { name: call.name }))) }
    },
  },
  workerpool: {
    title: 'workerpool',
    async start({ call }) {
      const { default: workerpool } = await import('workerpool')
      const pool = workerpool.pool(file('workerpool-worker.mjs'), { workerType: 'thread' })
      return { run: (items) => Promise.all(items.map((item) => pool.exec(call.name, [item]))) }
    },
  },
  poolifier: {
    title: 'poolifier',
    async start({ call }) {
      const { FixedThreadPool } = await import('poolifier')
      const pool = new FixedThreadPool(cores, file('poolifier-worker.mjs'))
      return { run: (items) => Promise.all(items.map((item) => pool.execute(item, call.name))) }
    },
  },
}

/** Who runs the items, by name. */
export function contenderNamed(name) {
  return name === FLOOR
    ? { start: async ({ call }) => ({ run: async (items) => plainLoop(call, items) }) }
    : contenders[name]
}

/** A thread for each core, and of some chunk sizes and numbers of tasks at a time those that turn out fastest. */
async function startTunedPiscina({ call, items }) {
  const { Piscina } = await import('piscina')
  const sizes = new Set(CHUNKS_EACH.map((each) => Math.max(1, Math.ceil(items.length / (each * cores)))))
  const name = `${call.name}Chunk`
  const pools = []
  let best = { ms: Infinity }
  for (const concurrentTasksPerWorker of AT_A_TIME) {
    const pool = new Piscina({
      filename: file('rival-tasks.mjs'),
      minThreads: cores,
      maxThreads: cores,
      idleTimeout: Infinity,
      concurrentTasksPerWorker,
    })
    pools.push(pool)
    for (const size of sizes) {
      const run = async (all) => {
        const chunks = []
        for (let from = 0; from < all.length; from += size)
          chunks.push(pool.run(all.slice(from, from + size), { name }))
        return (await Promise.all(chunks)).flat()
      }
      const ms = await fastest(() => run(items), best.ms)
      if (ms < best.ms) best = { ms, run, pool, how: `chunks of ${size}, ${concurrentTasksPerWorker} at a time` }
    }
  }
  await Promise.all(pools.filter((pool) => pool !== best.pool).map((pool) => pool.destroy()))
  return { run: best.run, how: best.how }
}

/** Milliseconds of the fastest of some runs behind a first one; of fewer where it cannot win any more. */
async function fastest(run, bestMs) {
  let ms = Infinity
  for (let trial = 0; trial <= TRIALS; trial++) {
    const startMs = performance.now()
    await run()
    const took = performance.now() - startMs
    if (trial > 0) ms = Math.min(ms, took)
    if (trial > 0 && ms > 2 * bestMs) return ms
  }
  return ms
}
