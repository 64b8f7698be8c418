// A server of each framework behind our limits, as plain JavaScript: what tests vary are the options alone.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { PassThrough, Readable } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { connectLimit, fastifyLimit, honoLimit } from 'amorsize/http'
import express from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'

/** Of a request of each framework: a field, and its path. */
export const fieldOf = {
  Express: (request, name) => request.headers[name],
  Fastify: (request, name) => request.headers[name],
  Hono: (context, name) => context.req.header(name),
}

async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections?.()
    return new Promise((resolve) => server.close(resolve))
  }
  return { origin: `http://127.0.0.1:${server.address().port}`, close }
}

/**
 * By framework: starts a server. Any path answers with the length of the body that came; `/401` and the like with that status, `/slow` after
 * 300 ms, `/endless` with status 401 and a body of which only the beginning comes.
 */
export const makers = {
  async Express(options) {
    const app = express()
    app.use(connectLimit(options))
    app.use(express.text())
    app.use(async (request, response) => {
      if (request.path === '/endless') return endless().pipe(response.status(401))
      if (request.path === '/slow') await new Promise((resolve) => setTimeout(resolve, 300))
      response.status(statusOf(request.path)).send(String(request.body?.length ?? 0))
    })
    return listen(createServer(app))
  },
  async Fastify({ isHttp2 = false, ...options }) {
    const app = fastify(isHttp2 ? { http2: true } : {})
    await app.register(fastifyLimit, options)
    app.all('/*', async (request, reply) => {
      if (request.url === '/endless') return reply.code(401).send(endless())
      if (request.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 300))
      return reply.code(statusOf(request.url)).send(String(request.body?.length ?? 0))
    })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const close = () => {
      app.server.closeAllConnections?.()
      return app.close()
    }
    return { origin, close }
  },
  async Hono({ isHttp2 = false, ...options }) {
    const app = new Hono()
    app.use(honoLimit(options))
    app.all('/*', async (context) => {
      if (context.req.path === '/endless') return context.body(Readable.toWeb(endless()), 401)
      if (context.req.path === '/slow') await new Promise((resolve) => setTimeout(resolve, 300))
      return context.text(String((await context.req.text()).length), statusOf(context.req.path))
    })
    app.onError((error, context) => context.text(error.message, 500))
    return listen(createAdaptorServer({ fetch: app.fetch, ...(isHttp2 ? { createServer: createHttp2Server } : {}) }))
  },
}

function endless() {
  const body = new PassThrough()
  body.write('no such password')
  return body
}

function statusOf(path) {
  const status = Number(path.slice(1))
  return status >= 200 && status < 600 ? status : 200
}
