// Two processes of a cluster behind one port, each with the same limits, which an administrator changes through either of them. Each listens
// on a port of its own, too. They call a server that is elsewhere. NAME, UPSTREAM in the environment; ports are sent to the parent.
import cluster from 'node:cluster'
import { bulkhead, circuitBreaker, pipeline, RateLimiter, timeout } from 'amorsize'
import fastify from 'fastify'
import { Pool } from 'undici'

const PROCESSES = 2
const HOST = '127.0.0.1'
/** Status of an answer by what refused the call. */
const REFUSED = {
  ERR_BULKHEAD_REJECTED: 503,
  ERR_CIRCUIT_OPEN: 503,
  ERR_RATE_LIMIT_EXCEEDED: 429,
  ERR_TIMEOUT_EXCEEDED: 504,
}

if (cluster.isPrimary) direct()
else await serve()

/** Starts the processes, and another one for each that dies. */
function direct() {
  const ready = new Map()
  const start = () => {
    const worker = cluster.fork()
    worker.on('message', (ports) => {
      ready.set(worker.id, { pid: worker.process.pid, ...ports })
      if (ready.size === PROCESSES) process.send([...ready.values()])
    })
    worker.on('exit', () => {
      ready.delete(worker.id)
      if (process.connected) start()
    })
  }
  for (let i = 0; i < PROCESSES; i++) start()
  // The test has ended, in whichever way.
  process.on('disconnect', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGKILL')
  })
}

async function serve() {
  const { NAME, UPSTREAM } = process.env
  const ofMachine = (subject) => ({ name: `${NAME}-${subject}`, scope: 'machine' })
  const limits = {
    api: new RateLimiter({ requestsPerSecond: 0.001, burstSize: 10, ...ofMachine('api'), waitOnLimit: false }),
    database: bulkhead({ maxConcurrent: 4, ...ofMachine('database') }),
    payments: circuitBreaker({ failureThreshold: 5, resetTimeoutMs: 60_000, ...ofMachine('payments') }),
    slow: timeout(60_000),
  }
  const { api, database, payments, slow } = limits
  const upstream = new Pool(UPSTREAM)
  const call = async (path, signal) => {
    const { statusCode, body } = await upstream.request({ path, method: 'GET', signal })
    const text = await body.text()
    if (statusCode >= 500) throw Object.assign(new Error(`upstream answered ${statusCode}`), { statusCode: 502 })
    return text
  }
  const guard = { database: pipeline(database, slow), payments: pipeline(payments, slow) }

  const build = () => {
    const app = fastify()
    app.setErrorHandler((error, request, reply) =>
      reply.code(REFUSED[error.code] ?? error.statusCode ?? 500).send({ message: error.message }),
    )
    app.get('/api', () => api.execute(() => ({ pid: process.pid })))
    app.get('/database/:path', ({ params }) => guard.database.execute(({ signal }) => call(`/${params.path}`, signal)))
    app.get('/payments/:path', ({ params }) => guard.payments.execute(({ signal }) => call(`/${params.path}`, signal)))
    app.get('/limits', () => {
      const { maxConcurrent, maxQueue, available } = database
      const { requestsPerSecond, burstSize } = api.policy
      return {
        api: { requestsPerSecond, burstSize },
        database: { maxConcurrent, maxQueue, available, ...database.stats() },
        payments: payments.state,
      }
    })
    app.patch('/limits', ({ body }, reply) => {
      try {
        for (const [name, change] of Object.entries(body)) limits[name].update(change)
        return {}
      } catch (error) {
        return reply.code(400).send({ message: error.message })
      }
    })
    return app
  }
  const own = await build().listen({ port: 0, host: HOST, exclusive: true })
  const shared = await build().listen({ port: 0, host: HOST })
  process.send({ own, shared })
}
