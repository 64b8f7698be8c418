// A server of each framework that answers GET / with a few bytes, behind whatever limit is added to it.
import { createServer } from 'node:http'
import { load } from '../support/rivals.mjs'

/** What every server here answers. */
export const ANSWER = 'hello'

/** By name: makes the server, lets `add(app)` put a limit before everything, and returns what listens. */
const makers = {
  async express(add) {
    const { default: express } = await load('express')
    const app = express()
    await add(app)
    app.get('/', (request, response) => response.send(ANSWER))
    return createServer(app)
  },
  async fastify(add) {
    const { fastify } = await load('fastify')
    const app = fastify()
    await add(app)
    app.get('/', async () => ANSWER)
    await app.ready()
    return app.server
  },
  async hono(add) {
    const { Hono } = await load('hono')
    const { createAdaptorServer } = await load('@hono/node-server')
    const app = new Hono()
    await add(app)
    app.get('/', (context) => context.text(ANSWER))
    return createAdaptorServer(app)
  },
}

/** The frameworks, as a reader writes them. */
export const FRAMEWORKS = [
  { name: 'express', title: 'Express' },
  { name: 'fastify', title: 'Fastify' },
  { name: 'hono', title: 'Hono' },
]

/** Starts a server on loopback and returns its port. */
export async function start(framework, add) {
  const server = await makers[framework](add)
  // Connections wait for their turn while other servers are measured.
  server.keepAliveTimeout = 600_000
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server.address().port
}
