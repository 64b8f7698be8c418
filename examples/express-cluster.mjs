// An Express server on four cluster workers gets 400 requests at once, with a limit of 50. It runs behind express-rate-limit with its own
// memory store, then behind the same with our store, then behind our middleware. npm install express express-rate-limit
import { execFileSync } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { connectLimit, expressStore } from 'amorsize/http'
import express from 'express'
import { rateLimit } from 'express-rate-limit'

const LIMIT = 50
const REQUESTS = 400
const WORKERS = 4
const windowMs = 60_000

const shared = { scope: 'machine', capacity: 1000 }
const run = process.env.EXAMPLE_RUN ?? String(process.pid)

/** Makes the middleware of this name, in each worker. */
const middlewares = {
  'express-rate-limit, its memory store': () => rateLimit({ windowMs, limit: LIMIT }),
  'express-rate-limit, expressStore': () =>
    rateLimit({ windowMs, limit: LIMIT, store: expressStore({ name: `express-cluster-${run}/store`, ...shared }) }),
  connectLimit: () =>
    connectLimit({ name: `express-cluster-${run}/limit`, ...shared, limits: { minute: { max: LIMIT, windowMs } } }),
}

if (cluster.isPrimary) await lead()
else work()

function work() {
  const app = express()
  for (const [n, make] of Object.values(middlewares).entries())
    app.get(`/${n}`, make(), (_, response) => response.send(String(process.pid)))
  app.listen(0, '127.0.0.1', function () {
    process.send(this.address().port)
  })
}

async function lead() {
  const workers = Array.from({ length: WORKERS }, () => cluster.fork({ EXAMPLE_RUN: run }))
  const ports = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  for (const [n, name] of Object.keys(middlewares).entries()) {
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
  removeNames(`express-cluster-${run}`)
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
