// A driver process: a run of `slow` over 600 items with a checkpoint, whose results it prints. PORT, QUEUE, LIBRARY, DIR in its environment.
import { createRequire } from 'node:module'
import { execute, task } from 'amorsize'
import { bullmq } from 'amorsize/bullmq'

const { PORT, QUEUE, LIBRARY, DIR } = process.env
const on = bullmq({
  connection: { host: '127.0.0.1', port: Number(PORT) },
  queue: QUEUE,
  chunkMs: 100,
  library: createRequire(import.meta.url)(LIBRARY),
})
const items = Array.from({ length: 600 }, (_, i) => i)
const results = await execute(task(new URL('../tasks/machines.mjs', import.meta.url), 'slow'), items, {
  on,
  checkpoint: { dir: DIR },
  onProgress: ({ completed }) => process.stdout.write(`${completed}\n`),
})
process.stdout.write(`${JSON.stringify(results)}\n`)
