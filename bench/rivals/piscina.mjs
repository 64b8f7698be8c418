import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const cores = availableParallelism()
const chunkWorker = fileURLToPath(new URL('../schedule/chunk-worker.mjs', import.meta.url))
/** Chunks for each thread that are tried by hand, and tasks for each thread at a time. */
const CHUNKS_EACH = [1, 2, 8, 32]
const AT_A_TIME = [1, 2]
const TRIALS = 2

export const pool = {
  async start({ load, module, name }) {
    const { Piscina } = await load('piscina')
    const threads = new Piscina({ filename: fileURLToPath(module) })
    return {
      run: (items) => Promise.all(items.map((item) => threads.run(item, { name }))),
      close: () => threads.destroy(),
    }
  },

  /**
   * A thread for each core that is kept, and the best of some chunk sizes and numbers of tasks at a time, by trial on these items;
   * no trial where `choice` says what an earlier one has found.
   */
  async tuned({ load, module, name, items, choice = null }) {
    const { Piscina } = await load('piscina')
    const sizes = new Set(CHUNKS_EACH.map((each) => Math.max(1, Math.ceil(items.length / (each * cores)))))
    const pools = []
    let best = { ms: Infinity }
    for (const concurrentTasksPerWorker of choice === null ? AT_A_TIME : [choice.concurrentTasksPerWorker]) {
      const threads = new Piscina({
        filename: chunkWorker,
        minThreads: cores,
        maxThreads: cores,
        idleTimeout: Infinity,
        concurrentTasksPerWorker,
      })
      pools.push(threads)
      for (const size of choice === null ? sizes : [choice.size]) {
        const run = async (all) => {
          const chunks = []
          for (let from = 0; from < all.length; from += size)
            chunks.push(threads.run({ module, name, items: all.slice(from, from + size) }))
          return (await Promise.all(chunks)).flat()
        }
        const ms = choice === null ? await fastest(() => run(items), best.ms) : 0
        if (ms < best.ms) best = { ms, run, threads, choice: { size, concurrentTasksPerWorker } }
      }
    }
    await Promise.all(pools.filter((each) => each !== best.threads).map((each) => each.destroy()))
    const { run, threads } = best
    const how = `chunks of ${best.choice.size}, ${best.choice.concurrentTasksPerWorker} at a time`
    return { run, how, choice: best.choice, close: () => threads.destroy() }
  },
}

/** Batches of so many lines, two under way for each thread: what one writes by hand where items come one by one. */
export const stream = {
  levels: [1, 16, 256],
  async start({ load, module, name, level }) {
    const { Piscina } = await load('piscina')
    const threads = new Piscina({ filename: chunkWorker, minThreads: cores, maxThreads: cores, idleTimeout: Infinity })
    return async function* through(source) {
      const underWay = []
      let batch = []
      const send = () => {
        underWay.push(threads.run({ module, name, items: batch }))
        batch = []
      }
      for await (const item of source) {
        if (batch.push(item) < level) continue
        send()
        if (underWay.length >= 2 * cores) yield* await underWay.shift()
      }
      if (batch.length > 0) send()
      for (const results of underWay) yield* await results
    }
  },
}

/** A task for each item, and so many of them at once in each thread. */
export const inFlight = {
  levels: [16, 64, 256],
  async start({ load, module, name, level }) {
    const { Piscina } = await load('piscina')
    const threads = new Piscina({
      filename: fileURLToPath(module),
      minThreads: cores,
      maxThreads: cores,
      idleTimeout: Infinity,
      concurrentTasksPerWorker: level,
    })
    return (items) => Promise.all(items.map((item) => threads.run(item, { name })))
  },
}

/** Milliseconds of the fastest of some runs after a first one; of fewer where it cannot win any more. */
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
