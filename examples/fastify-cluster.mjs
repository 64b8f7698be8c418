// A Fastify server on four cluster workers gets 400 requests at once, with a limit of 50. It runs behind @fastify/rate-limit with its own
// store, then behind the same with our store, then behind our plugin. npm install fastify @fastify/rate-limit
import { execFileSync } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fastifyRateLimit from '@fastify/rate-limit'
import { fastifyLimit, fastifyStore } from 'amorsize/http'
import { fastify } from 'fastify'

const LIMIT = 50
const REQUESTS = 400
const WORKERS = 4
const timeWindow = 60_000

const shared = { scope: 'machine', capacity: 1000 }
const run = process.env.EXAMPLE_RUN ?? String(process.pid)

/** Registers the plugin of this name, in each worker. */
const plugins = {
  '@fastify/rate-limit, its own store': (app) => app.register(fastifyRateLimit, { max: LIMIT, timeWindow }),
  '@fastify/rate-limit, fastifyStore': (app) => {
    const store = fastifyStore({ name: `fastify-cluster-${run}/store`, ...shared })
    return app.register(fastifyRateLimit, { max: LIMIT, timeWindow, store })
  },
  fastifyLimit: (app) => {
    const limits = { minute: { max: LIMIT, windowMs: timeWindow } }
    return app.register(fastifyLimit, { name: `fastify-cluster-${run}/limit`, ...shared, limits })
  },
}

if (cluster.isPrimary) await lead()
else await work()

async function work() {
  const app = fastify()
  // A plugin that is registered for a prefix limits the routes below it.
  for (const [n, add] of Object.values(plugins).entries())
    app.register(
      async (routes) => {
        await add(routes)
        routes.get('/', async () => String(process.pid))
      },
      { prefix: `/${n}` },
    )
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.send(app.server.address().port)
}

async function lead() {
  const workers = Array.from({ length: WORKERS }, () => cluster.fork({ EXAMPLE_RUN: run }))
  const ports = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  for (const [n, name] of Object.keys(plugins).entries()) {
    // Without keep-alive the cluster hands each connection to the next worker.
    const agent = new Agent({ keepAlive: false, maxSockets: 40 })
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, () => ask({ port: ports[0], path: `/${n}`, agent })),
    )
    const admitted = answers.filter(({ status }) => status === 200)
    const by = new Set(admitted.map(({ body }) => body)).size
    console.log(`${name}: ${admitted.length} of ${REQUESTS} admitted by ${by} workers, limit ${LIMIT}`)
  }
  for (const worker of workers) worker.kill()
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  removeNames(`fastify-cluster-${run}`)
}

/** A name of the machine outlives its processes; those of this example are not needed any more. */
function removeNames(text) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', '--unused', '--filter', text])
}

function ask({ port, path, agent }) {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    }).on('error', reject)
  })
}
