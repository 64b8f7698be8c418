// This file is its own worker too: a pool of this package starts files that announce their functions.
import { isMainThread } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'

export const pool = {
  async start({ load, module, name }) {
    const { default: workerpool } = await load('workerpool')
    const threads = workerpool.pool(fileURLToPath(import.meta.url), {
      workerType: 'thread',
      workerThreadOpts: { argv: [module] },
    })
    return {
      run: (items) => Promise.all(items.map((item) => threads.exec(name, [item]))),
      close: () => threads.terminate(),
    }
  },
}

if (!isMainThread) {
  const { default: workerpool } = await import('workerpool')
  workerpool.worker({ ...(await import(process.argv[2])) })
}
