// This file is its own worker too: a pool of this package starts files that export their functions.
import { availableParallelism } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'

export const pool = {
  async start({ load, module, name }) {
    const { FixedThreadPool } = await load('poolifier')
    const threads = new FixedThreadPool(availableParallelism(), fileURLToPath(import.meta.url), {
      workerOptions: { argv: [module] },
    })
    return {
      run: (items) => Promise.all(items.map((item) => threads.execute(item, name))),
      close: () => threads.destroy(),
    }
  },
}

export default isMainThread ? undefined : await worker()

async function worker() {
  const { ThreadWorker } = await import('poolifier')
  const tasks = await import(process.argv[2])
  return new ThreadWorker(Object.fromEntries(Object.entries(tasks).filter(([, value]) => typeof value === 'function')))
}
