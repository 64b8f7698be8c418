// A server of each framework behind our limits. GET / is limited to two an hour for each x-user; POST /login to one failure.
import { createServer, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express, { type Request as ExpressRequest } from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { connectLimit, type ConnectRequest, fastifyLimit, honoLimit, type HttpLimitOptions, shed } from 'amorsize/http'
import { koaOf } from './koa.js'
import type { Running } from './stores.js'

/** No test takes so long. */
const windowMs = 3_600_000
const all = { all: { max: 2, windowMs } }
const login = { login: { max: 1, windowMs } }

export interface Shared {
  readonly name?: string
  readonly scope?: 'process' | 'machine'
  readonly trustProxy?: boolean
}

async function listen(server: Server | Http2Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(resolve)) }
}

export const servers: Record<string, (shared: Shared) => Promise<Running>> = {
  Express({ trustProxy = false, ...shared }) {
    const app = express()
    if (trustProxy) app.set('trust proxy', 'loopback')
    const options: HttpLimitOptions<ExpressRequest> = trustProxy
      ? { limits: all }
      : { limits: all, key: (request) => request.get('x-user') ?? null }
    app.get('/', connectLimit({ ...shared, ...options }), (_request, response) => void response.send('ok'))
    const failures = connectLimit({ limits: login, countIf: (_request: ExpressRequest, status) => status === 401 })
    app.post(
      '/login',
      failures,
      (request, response) => void response.sendStatus(request.get('x-user') === 'right' ? 200 : 401),
    )
    app.get('/free', (_request, response) => void response.send('ok'))
    return listen(createServer(app))
  },

  async Fastify({ trustProxy = false, ...shared }) {
    const app = fastify({ trustProxy: trustProxy ? '127.0.0.1' : false })
    const key = (request: FastifyRequest) => (request.headers['x-user'] as string | undefined) ?? null
    await app.register(fastifyLimit, { ...shared, limits: all, ...(trustProxy ? {} : { key }) })
    app.get('/', () => 'ok')
    const limit = {
      limits: login,
      key: () => 'all',
      countIf: (_request: FastifyRequest, status: number) => status === 401,
    }
    app.post('/login', { config: { limit } }, (request, reply) =>
      reply.code(key(request) === 'right' ? 200 : 401).send(),
    )
    app.get('/free', { config: { limit: false } }, () => 'ok')
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: () => app.close() }
  },

  Hono({ trustProxy = false, ...shared }) {
    const app = new Hono()
    const key = trustProxy
      ? { key: (c: { req: { header(name: string): string | undefined } }) => c.req.header('x-forwarded-for') ?? null }
      : { key: (c: { req: { header(name: string): string | undefined } }) => c.req.header('x-user') ?? null }
    app.get('/', honoLimit({ ...shared, limits: all, ...key }), (context) => context.text('ok'))
    const failures = honoLimit({ limits: login, countIf: (_context, status) => status === 401 })
    app.post('/login', failures, (context) => context.body(null, context.req.header('x-user') === 'right' ? 200 : 401))
    app.get('/free', () => new Response('ok'))
    return listen(createAdaptorServer(app) as Server)
  },

  Koa({ trustProxy = false, ...shared }) {
    const app = new Koa({ proxy: trustProxy })
    const user = (request: ConnectRequest) => (request.headers['x-user'] as string | undefined) ?? null
    const limit = koaOf(connectLimit({ ...shared, limits: all, ...(trustProxy ? {} : { key: user }) }))
    const failures = koaOf(connectLimit({ limits: login, countIf: (_request, status) => status === 401 }))
    app.use((context, next) => (context.path === '/' ? limit(context, next) : next()))
    app.use((context, next) => (context.path === '/login' ? failures(context, next) : next()))
    app.use((context) => {
      if (context.path === '/login') context.status = context.get('x-user') === 'right' ? 200 : 401
      context.body = 'ok'
    })
    return listen(createServer(app.callback()))
  },
}

/** One request at a time, GET /slow takes a while, GET /health always goes on and tells how many slow ones have begun. */
export const shedding: Record<string, () => Promise<Running>> = {
  Express() {
    const app = express()
    const slow = slowly()
    app.use(
      shed({ maxConcurrent: 1, priority: (request: ExpressRequest) => (request.path === '/health' ? Infinity : 5) }),
    )
    app.get('/slow', async (_request, response) => void response.send(await slow.work()))
    app.get('/health', (_request, response) => void response.send(slow.begun()))
    return listenUntilClosed(createServer(app))
  },

  async Fastify() {
    const app = fastify()
    const slow = slowly()
    const priority = (request: FastifyRequest) => (request.url === '/health' ? Infinity : 5)
    await app.register(shed.fastify, { maxConcurrent: 1, priority })
    app.get('/slow', () => slow.work())
    app.get('/health', () => slow.begun())
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const close = () => {
      app.server.closeAllConnections()
      return app.close()
    }
    return { origin, close }
  },

  Hono() {
    const app = new Hono()
    const slow = slowly()
    const priority = (context: Context) => (context.req.path === '/health' ? Infinity : 5)
    app.use(shed.hono({ maxConcurrent: 1, priority }))
    app.get('/slow', async (context) => context.text(await slow.work()))
    app.get('/health', (context) => context.text(slow.begun()))
    return listenUntilClosed(createAdaptorServer(app) as Server)
  },

  Koa() {
    const app = new Koa()
    const slow = slowly()
    app.use(koaOf(shed({ maxConcurrent: 1, priority: ({ url }) => (url === '/health' ? Infinity : 5) })))
    app.use(async (context) => {
      context.body = context.path === '/health' ? slow.begun() : await slow.work()
    })
    return listenUntilClosed(createServer(app.callback()))
  },

  web() {
    const slow = slowly()
    const isHealth = ({ url }: Request) => url.endsWith('/health')
    const handler = shed.web(
      { maxConcurrent: 1, priority: (request) => (isHealth(request) ? Infinity : 5) },
      async (request) => new Response(isHealth(request) ? slow.begun() : await slow.work()),
    )
    return listenUntilClosed(createAdaptorServer({ fetch: handler }) as Server)
  },
}

function slowly() {
  let begun = 0
  return {
    work: () => new Promise<string>((resolve) => void setTimeout(resolve, 500, String(++begun))),
    begun: () => String(begun),
  }
}

/** A client that aborts a request may open a connection for the next one, and keep it. */
async function listenUntilClosed(server: Server): Promise<Running> {
  const { origin, close } = await listen(server)
  const closeAll = () => {
    server.closeAllConnections()
    return close()
  }
  return { origin, close: closeAll }
}

/** Bare HTTP/2 with the same middleware. */
export function http2(): Promise<Running> {
  const limit = connectLimit({ limits: all })
  return listen(createHttp2Server((request, response) => limit(request, response, () => response.end('ok'))))
}
