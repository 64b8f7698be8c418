// Measures the servers of one framework: node case.mjs <framework> <cycles> <milliseconds>
//
// Each server is a process; one after the other is asked for some milliseconds, and its own processor time is divided by the answers. What
// the machine does besides takes no time of theirs; that it makes caches colder is kept out by the choice of slices.
import { reportToParent } from '../../dist/cli/child-process.js'
import { quantile } from '../../dist/cli/statistics.js'
import { openConnections } from './load.mjs'
import { startServer } from './server.mjs'
import { subjects } from './subjects.mjs'

const CONNECTIONS = 16
/** Until code is compiled and heaps have their size. */
const WARM_UP_MS = 1000
const NEVER = 1_000_000
/** Which of the slices count: what else the machine does makes a slice dearer, never cheaper. */
const QUIET = 0.2

async function measure(framework, cycles, sliceMs) {
  const running = await Promise.all(
    subjects()
      .filter((subject) => subject.framework === framework)
      .map(async ({ id }) => {
        const server = await startServer(id, NEVER)
        return { id, server, connections: await openConnections(server.port, CONNECTIONS), samples: [] }
      }),
  )
  try {
    for (const { connections } of running) await connections.run(WARM_UP_MS)
    for (let cycle = 0; cycle < cycles; cycle++) {
      for (const { server, connections, samples } of cycle % 2 === 0 ? running : [...running].reverse()) {
        const beforeUs = await server.cpuUs()
        const answers = await connections.run(sliceMs)
        samples.push(((await server.cpuUs()) - beforeUs) / answers)
      }
    }
    return running.map(({ id, samples }) => ({ id, cpuUs: quantile(samples, QUIET) }))
  } finally {
    for (const { server, connections } of running) {
      connections.close()
      server.close()
    }
  }
}

const [framework, cycles, sliceMs] = process.argv.slice(2)
await reportToParent(() => measure(framework, Number(cycles), Number(sliceMs)))
