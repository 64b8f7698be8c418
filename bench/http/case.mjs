// Measures the servers of one framework: node case.mjs <framework> <cycles> <milliseconds>
//
// They are in one process, so that all have the same compiled code, heap and luck. One after the other is asked for some milliseconds, and
// the processor time of the process is divided by the answers. What the machine does besides takes no time of theirs; that it makes
// caches colder meets the slices of one cycle alike, and these are compared.
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { inTurn } from '../support/rounds.mjs'
import { openConnections } from './load.mjs'
import { startServers } from './server.mjs'
import { floorOf, subjects } from './subjects.mjs'

const CONNECTIONS = 16
/** Until code is compiled and heaps have their size. */
const WARM_UP_MS = 1000
const NEVER = 1_000_000

async function measure(framework, cycles, sliceMs) {
  const ids = subjects()
    .filter((subject) => subject.framework === framework)
    .map(({ id }) => id)
  const { ports, cpuUs, close } = await startServers(ids, NEVER)
  const running = []
  try {
    for (const [n, id] of ids.entries())
      running.push({ id, connections: await openConnections(ports[n], CONNECTIONS), samples: [] })
    for (const { connections } of running) await connections.run(WARM_UP_MS)
    for (let cycle = 0; cycle < cycles; cycle++) {
      for (const { connections, samples } of inTurn(running, cycle)) {
        const beforeUs = await cpuUs()
        const answers = await connections.run(sliceMs)
        samples.push(((await cpuUs()) - beforeUs) / answers)
      }
    }
    const samplesOf = (kind) => running.find(({ id }) => id === floorOf(framework, kind).id).samples
    return running.map(({ id, samples }) => {
      const over = (kind) => median(samples.map((sample, cycle) => sample - samplesOf(kind)[cycle]))
      return { id, cpuUs: median(samples), addedUs: over('bare'), ownUs: over('empty') }
    })
  } finally {
    for (const { connections } of running) connections.close()
    close()
  }
}

const [framework, cycles, sliceMs] = process.argv.slice(2)
await reportToParent(() => measure(framework, Number(cycles), Number(sliceMs)))
