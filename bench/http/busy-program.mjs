// A server that burns processor time: node busy-program.mjs <name of a guard> <processes>. It waits, as for a database, and then computes.
import cluster from 'node:cluster'
import { pbkdf2Sync } from 'node:crypto'
import { createServer } from 'node:http'
import { shed } from '../../dist/bundle/http.js'
import { removeNames } from '../support/machine-names.mjs'

const WAIT_MS = 20
const BURN_MS = 4

const nameOf = (pid) => `bench-${pid}`
/** By name: what stands before the work. The workers of a cluster share one limit. */
const guards = {
  none: () => (request, response, next) => next(),
  shed: () => (cluster.isWorker ? shed({ name: nameOf(process.ppid), scope: 'machine' }) : shed()),
}

const [guardName, processes] = process.argv.slice(2)
if (cluster.isWorker) serve(Number(process.env.BENCH_ROUNDS), (port) => process.send({ port }))
else {
  const rounds = roundsOf(BURN_MS)
  const started = (port) => process.send({ port, perSecond: (Number(processes) * 1000) / burnMs(rounds) })
  if (processes === '1') serve(rounds, started)
  else fork(rounds, started)
}
process.on('disconnect', () => {
  if (cluster.isPrimary) removeNames((name) => name.startsWith(nameOf(process.pid)))
  process.exit()
})

function serve(rounds, listening) {
  const guard = guards[guardName]()
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
  // A client that sends as an idle connection is closed would end the case.
  server.keepAliveTimeout = 600_000
  server.listen({ port: 0, host: '127.0.0.1', backlog: 10_000 }, () => listening(server.address().port))
}

function fork(rounds, started) {
  const workers = Array.from({ length: Number(processes) }, () => cluster.fork({ BENCH_ROUNDS: rounds }))
  let ready = 0
  const mosts = []
  for (const worker of workers)
    worker.on('message', ({ port, most }) => {
      if (port !== undefined && ++ready === workers.length) started(port)
      if (most !== undefined && mosts.push(most) === workers.length) process.send({ most: Math.max(...mosts) })
    })
  process.on('message', () => workers.forEach((worker) => worker.send('most')))
  // Workers end by themselves when they lose this process.
}

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
