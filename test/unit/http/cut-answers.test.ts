// A client that has read the status of an answer may cut what follows: its attempt counts all the same.
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { connectLimit, fastifyLimit, honoLimit, shed, webLimit } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { fastify, type FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'

const limits = { login: { max: 5, windowMs: 60_000 } }
type CountIf = (request: unknown, status: number) => boolean
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

// Its types need those of a browser.
const hono: string = '@hono/node-server'
const { getRequestListener } = (await import(hono)) as {
  getRequestListener(fetch: (request: Request, env: unknown) => unknown): Listener
}

/** An answer whose body begins and never ends; to `/silent` there is none. */
function answerNode(path: string | undefined, response: ServerResponse): void {
  if (path === '/silent') return
  // As programs do that note how a request has ended: what the client has read stays 401.
  response.prependListener('close', () => (response.statusCode = 499))
  response.writeHead(401)
  response.write('n')
}

function answerWeb({ url }: Request): Response | Promise<Response> {
  if (url.endsWith('/silent')) return new Promise(() => undefined)
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from('n')) })
  return new Response(body, { status: 401 })
}

const listeners: Record<string, (countIf: CountIf) => Listener | Promise<Listener>> = {
  connectLimit(countIf) {
    const limit = connectLimit({ limits, countIf })
    return (request, response) => limit(request, response, () => answerNode(request.url, response))
  },
  async fastifyLimit(countIf) {
    const app: FastifyInstance = fastify()
    await app.register(fastifyLimit, { limits, countIf })
    app.get('/*', (request, reply) => {
      reply.hijack()
      answerNode(request.url, reply.raw)
    })
    await app.ready()
    return app.routing
  },
  honoLimit: (countIf) => {
    const app = new Hono()
    app.use(honoLimit({ limits, countIf }))
    app.get('/*', (context) => answerWeb(context.req.raw))
    return getRequestListener((request, env) => app.fetch(request, env))
  },
  'honoLimit without a response of Node': (countIf) => {
    const app = new Hono()
    app.use(honoLimit({ limits, countIf, key: () => 'all' }))
    app.get('/*', (context) => answerWeb(context.req.raw))
    return getRequestListener((request) => app.fetch(request))
  },
  webLimit: (countIf) => getRequestListener(webLimit({ limits, countIf, key: () => 'all' }, answerWeb)),
}

const closing: (() => unknown)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function portOf(version: string, listener: Listener): Promise<number> {
  const server = version === 'HTTP/2' ? createHttp2Server(listener as never) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Asks once and cuts as soon as the status is known, or with `isSilent` before there is one. */
const cutters: Record<string, (port: number, isSilent?: Promise<unknown>) => Promise<number>> = {
  async 'HTTP/1'(port, isSilent) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write(`GET /${isSilent === undefined ? '' : 'silent'} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const [head] = isSilent === undefined ? ((await once(socket, 'data')) as [Buffer]) : [await isSilent]
    socket.destroy()
    return Number(String(head).slice(9, 12))
  },
  async 'HTTP/2'(port, isSilent) {
    // Without a window the body cannot be sent, and no answer is ever whole.
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } })
    const stream = session.request({ ':path': isSilent === undefined ? '/' : '/silent' }).on('error', () => undefined)
    const [headers] = isSilent === undefined ? ((await once(stream, 'response')) as [object]) : [await isSilent]
    stream.close(8)
    session.destroy()
    return Number((headers as { ':status'?: number } | undefined)?.[':status'])
  },
}

describe.each(Object.keys(cutters))('over %s', (version) => {
  const cut = cutters[version]!

  it.each(Object.keys(listeners))('%s counts guesses whose answers are cut after the status', async (name) => {
    const seen: number[] = []
    const countIf: CountIf = (_, status) => (seen.push(status), status === 401)
    const port = await portOf(version, await listeners[name]!(countIf))
    const statuses: number[] = []
    for (let n = 0; n < 8; n++) {
      statuses.push(await cut(port))
      await expect.poll(() => seen.length).toBe(Math.min(n + 1, 5))
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
    expect(seen).toEqual([401, 401, 401, 401, 401])
  })

  it.each(['connectLimit', 'fastifyLimit', 'honoLimit'])(
    '%s counts by status 499 what is cut before its answer has header fields',
    async (name) => {
      const seen: number[] = []
      const countIf: CountIf = (_, status) => (seen.push(status), status >= 400)
      let arrived: () => void = () => undefined
      const listener = await listeners[name]!(countIf)
      const port = await portOf(version, (request, response) => {
        listener(request, response)
        arrived()
      })
      for (let n = 1; n <= 5; n++) {
        await cut(port, new Promise<void>((resolve) => (arrived = resolve)))
        await expect.poll(() => seen).toEqual(Array(n).fill(499))
      }
      expect(await cut(port)).toBe(429)
    },
  )
})

it.each([
  ['all of them', true, 12],
  ['what is cut after the status', false, 16],
])('shed learns from answers of 503, of %s', async (_, writableFinished, limit) => {
  const clock = new FakeClock()
  const shedding = shed({ clock, min: 2, max: 50 })
  const given = {
    statusCode: 503,
    headersSent: true,
    writableFinished,
    setHeader: () => 0,
    getHeader: () => 0,
    end: () => 0,
  }
  for (let round = 0; round < 12; round++) {
    const responses = Array.from({ length: 20 }, () => Object.assign(new EventEmitter(), given))
    for (const response of responses) shedding({ headers: {} }, response, () => undefined)
    await clock.advance(20)
    for (const response of responses) response.emit('close')
    await clock.advance(0)
  }
  expect(shedding.stats()).toMatchObject({ running: 0, limit })
})
