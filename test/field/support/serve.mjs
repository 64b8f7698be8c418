// A worker process: serves the tasks of its arguments until it is ended. PORT, QUEUE, LIBRARY, STALL_MS in its environment.
import { createRequire } from 'node:module'
import { serveTasks } from 'amorsize/bullmq'

const { PORT, QUEUE, LIBRARY, STALL_MS } = process.env
const serving = await serveTasks({
  connection: { host: '127.0.0.1', port: Number(PORT) },
  queue: QUEUE,
  tasks: process.argv.slice(2),
  library: createRequire(import.meta.url)(LIBRARY),
  stallMs: Number(STALL_MS ?? 1000),
})
process.on('SIGTERM', () => void serving.close().then(() => process.exit(0)))
process.stdout.write('ready\n')
