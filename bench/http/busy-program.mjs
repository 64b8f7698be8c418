// A server that burns processor time: node busy-program.mjs <name of a guard>. It waits, as for a database, and then computes.
import { pbkdf2Sync } from 'node:crypto'
import { createServer } from 'node:http'
import { shed } from '../../dist/bundle/http.js'

const WAIT_MS = 20
const BURN_MS = 4

/** By name: what stands before the work. */
const guards = { none: () => (request, response, next) => next(), shed: () => shed() }

const rounds = roundsOf(BURN_MS)
const guard = guards[process.argv[2]]()
/** Requests that are worked on, now and at most. */
let [working, most] = [0, 0]
const server = createServer((request, response) =>
  guard(request, response, () => {
    most = Math.max(most, ++working)
    setTimeout(() => {
      burn(rounds)
      working--
      response.end('done')
    }, WAIT_MS)
  }),
)
process.on('message', () => process.send({ most }))
server.listen({ port: 0, host: '127.0.0.1', backlog: 10_000 }, () =>
  process.send({ port: server.address().port, perSecond: 1000 / burnMs(rounds) }),
)
process.on('disconnect', () => process.exit())

function burn(count) {
  pbkdf2Sync('password', 'salt', count, 32, 'sha256')
}

/** The least of several times: what a machine can do that does nothing else. */
function burnMs(count) {
  let leastMs = Infinity
  for (let n = 0; n < 20; n++) {
    const startMs = performance.now()
    burn(count)
    leastMs = Math.min(leastMs, performance.now() - startMs)
  }
  return leastMs
}

/** How much work takes so long: each request is the same work, however busy the machine is. */
function roundsOf(ms) {
  const probe = 1000
  burnMs(probe)
  return Math.max(1, Math.round((probe * ms) / burnMs(probe)))
}
