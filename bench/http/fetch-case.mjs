// Measures a client: node fetch-case.mjs <cycles> <requests per slice>
//
// One process makes all the calls, a slice of each kind in turn, to a server in another; its own processor time is divided by the answers.
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { inTurn } from '../support/rounds.mjs'
import { senders } from './fetch-subjects.mjs'
import { ANSWER } from './frameworks.mjs'
import { startServers } from './server.mjs'

const AT_ONCE = 8
const WARM_UP_SLICES = 5

async function measure(cycles, requests) {
  const server = await startServers(['fastify, Node, bare'], Infinity)
  try {
    const url = `http://127.0.0.1:${server.ports[0]}/`
    const running = senders.map(({ id, against, make }) => ({ id, against, send: make(), samples: [] }))
    for (let cycle = -WARM_UP_SLICES; cycle < cycles; cycle++) {
      for (const { send, samples } of inTurn(running, cycle + WARM_UP_SLICES)) {
        const beforeUs = cpuUs()
        await Promise.all(Array.from({ length: AT_ONCE }, () => askInTurn(send, url, requests / AT_ONCE)))
        if (cycle >= 0) samples.push((cpuUs() - beforeUs) / requests)
      }
    }
    return running.map(({ id, against, samples }) => {
      // What the machine does meanwhile meets the slices of one cycle alike.
      const other = running.find((each) => each.id === against).samples
      return { id, cpuUs: median(samples), ratio: median(samples.map((sample, n) => sample / other[n])) }
    })
  } finally {
    server.close()
  }
}

async function askInTurn(send, url, count) {
  for (let n = 0; n < count; n++) {
    const text = await (await send(url)).text()
    if (text !== ANSWER) throw new Error(`a server answered ${text}`)
  }
}

const [cycles, requests] = process.argv.slice(2)
await reportToParent(() => measure(Number(cycles), Number(requests)))
