// A worker process of the benchmark: node worker.mjs <ours|plain> <port>. It tells how much processor time it has used when it is asked.
import * as library from 'bullmq'
import { serveTasks } from '../../dist/bundle/bullmq.js'
import { cpuUs } from '../support/cpu-time.mjs'
import * as tasks from './tasks.mjs'

const [kind, port] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }

if (kind === 'ours') {
  const url = new URL('./tasks.mjs', import.meta.url)
  await serveTasks({ connection, queue: 'bench', tasks: [url], threads: 1, library })
} else {
  const worker = new library.Worker('plain', async ({ name, data }) => tasks[name](data), {
    connection,
    concurrency: 20,
  })
  await worker.waitUntilReady()
}
process.on('message', () => process.send(cpuUs() / 1000))
process.send('ready')
