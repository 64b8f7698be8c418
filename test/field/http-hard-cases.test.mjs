// What clients do that no example shows: bodies that come slowly, clients that go, many streams of one connection, hooks in which a body is
// still to come.
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { fastifyLimit, shed } from 'amorsize/http'
import { fastify } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { fieldOf, makers } from './support/http-servers.mjs'

const windowMs = 60_000
const running = []
afterEach(() => Promise.all(running.splice(0).map(({ close }) => close())))

async function start(name, options) {
  const server = await makers[name](options)
  running.push(server)
  return server.origin
}

const statusOf = async (url, init) => {
  const response = await fetch(url, init)
  await response.text()
  return response.status
}

/** A socket to a server, and the head of what it answers. */
function open(origin) {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (part) => (text += part))
  socket.on('error', () => undefined)
  return { socket, answered: (pattern) => expect.poll(() => text, { timeout: 10_000 }).toMatch(pattern) }
}

describe.each(Object.keys(makers))('%s', (name) => {
  const keyed = { key: (request) => fieldOf[name](request, 'x-user') ?? 'all' }

  it('refuses before a slow body has come, and takes one that is admitted to its end', async () => {
    const origin = await start(name, { limits: { a: { max: 1, windowMs } }, ...keyed })
    const head = (user) =>
      `POST / HTTP/1.1\r\nHost: a\r\nX-User: ${user}\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n`
    const slow = open(origin)
    slow.socket.write(`${head('a')}12345`)
    await expect.poll(() => statusOf(origin, { headers: { 'x-user': 'a' } })).toBe(429)
    slow.socket.write('67890')
    await slow.answered(/^HTTP\/1.1 200 [^]*10$/)
    // Of this one the body never comes: its answer is there all the same.
    const refused = open(origin)
    refused.socket.write(head('a'))
    await refused.answered(/^HTTP\/1.1 429 [^]*quota-exceeded/)
    for (const { socket } of [slow, refused]) socket.destroy()
    expect(await statusOf(origin, { headers: { 'x-user': 'b' } })).toBe(200)
  })

  it('tells countIf of a client that goes before its answer, as status 499', async () => {
    const seen = []
    const origin = await start(name, {
      limits: { a: { max: 1, windowMs } },
      countIf: (_, status) => {
        seen.push(status)
        return status !== 499
      },
    })
    const gone = open(origin)
    gone.socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(() => statusOf(origin)).toBe(429)
    gone.socket.destroy()
    await expect.poll(() => seen).toEqual([499])
    // It was given back.
    expect(await statusOf(origin)).toBe(200)
    await expect.poll(() => seen).toEqual([499, 200])
  })

  it('counts a login whose client has read the status and then goes', async () => {
    const countIf = (_, status) => status === 401
    const origin = await start(name, { limits: { a: { max: 2, windowMs } }, countIf })
    for (const status of [401, 401, 429]) {
      const { socket, answered } = open(origin)
      socket.write('POST /endless HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
      await answered(new RegExp(`^HTTP/1.1 ${status}`))
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    // The last of those that were cut off is settled by now: none was given back.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await statusOf(`${origin}/200`)).toBe(429)
  })

  it('counts every request of one connection that stays', async () => {
    const origin = await start(name, { limits: { a: { max: 3, windowMs } } })
    const { socket, answered } = open(origin)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5))
    await answered(/(HTTP\/1.1 200 [^]*){3}(HTTP\/1.1 429 [^]*){2}/)
    socket.destroy()
  })
})

describe.each(['Fastify', 'Hono'])('%s over HTTP/2', (name) => {
  it('counts the streams of one connection, and gives back those that are reset', async () => {
    const countIf = (_, status) => status !== 499
    const origin = await start(name, { isHttp2: true, limits: { a: { max: 2, windowMs } }, countIf })
    const session = connectHttp2(origin)
    const ask = async (path) => {
      const stream = session.request({ ':path': path })
      const [headers] = await once(stream, 'response')
      stream.resume()
      return headers
    }
    const reset = session.request({ ':path': '/slow' })
    reset.on('error', () => undefined)
    expect((await ask('/'))[':status']).toBe(200)
    const refused = await ask('/')
    expect([refused[':status'], refused['ratelimit-policy']]).toEqual([429, '"a";q=2;w=60'])
    expect(refused['retry-after']).toMatch(/^(59|60)$/)
    reset.close(8)
    await expect.poll(async () => (await ask('/'))[':status']).toBe(200)
    session.close()
  })
})

describe.each(['Fastify', 'Hono'])('%s over HTTP/2', (name) => {
  it('counts a login whose client lets no body come and resets the stream after the header fields', async () => {
    const countIf = (_, status) => status === 401
    const origin = await start(name, { isHttp2: true, limits: { a: { max: 5, windowMs } }, countIf })
    const session = connectHttp2(origin, { settings: { initialWindowSize: 0 } })
    const seen = []
    for (let guess = 0; guess < 8; guess++) {
      const stream = session.request({ ':path': '/401', ':method': 'POST' }, { endStream: true })
      stream.on('error', () => undefined)
      const [headers] = await once(stream, 'response')
      seen.push(headers[':status'])
      stream.close(8)
      await once(stream, 'close')
    }
    expect(seen).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
    session.close()
  })
})

describe('fastifyLimit', () => {
  async function startFastify(options, route) {
    const app = fastify()
    await app.register(fastifyLimit, options)
    const answer = async (request) => ({ length: request.body?.text.length ?? 0 })
    app.post('/', answer)
    app.post('/own', { config: { limit: route } }, answer)
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    running.push({ close: () => app.close() })
    const post = (path, user) => {
      const headers = { 'content-type': 'application/json', 'x-user': user }
      return fetch(origin + path, { method: 'POST', headers, body: '{"text":"12345"}' })
    }
    return { post }
  }

  it.each(['onRequest', 'preParsing', 'preValidation', 'preHandler'])(
    'judges in %s and leaves the body alone',
    async (hook) => {
      const { post } = await startFastify({ hook, limits: { a: { max: 1, windowMs } } }, false)
      const first = await post('/', 'a')
      expect([first.status, await first.json()]).toEqual([200, { length: 5 }])
      const second = await post('/', 'a')
      expect([second.status, (await second.json())['violated-policies']]).toEqual([429, ['a']])
      expect((await post('/own', 'a')).status).toBe(200)
    },
  )

  it("takes from a route's config.limit what is there, and from the plugin what is not", async () => {
    const plugin = {
      limits: { a: { max: 1, windowMs } },
      key: (request) => request.headers['x-user'],
      headers: 'draft-7',
    }
    const { post } = await startFastify(plugin, { limits: { own: { max: 2, windowMs } }, statusCode: 503 })
    const seen = []
    for (const user of ['a', 'a', 'a', 'b']) seen.push((await post('/own', user)).status)
    expect(seen).toEqual([200, 200, 503, 200])
    expect((await post('/own', 'b')).headers.get('ratelimit')).toMatch(/^limit=2, remaining=0, reset=(59|60)$/)
    // The route counts apart from the others.
    expect([(await post('/', 'a')).status, (await post('/', 'a')).status]).toEqual([200, 429])
  })

  it('fails a request whose refuse rejects, and only that', async () => {
    const refuse = () => Promise.reject(Object.assign(new Error('no page'), { statusCode: 418 }))
    const { post } = await startFastify({ limits: { a: { max: 1, windowMs } }, refuse }, false)
    expect([(await post('/', 'a')).status, (await post('/', 'a')).status, (await post('/own', 'a')).status]).toEqual([
      200, 418, 200,
    ])
  })
})

it('shed holds a place for a slow body, and frees it when its client goes', async () => {
  const app = fastify()
  await app.register(shed.fastify, { maxConcurrent: 1 })
  app.post('/', async (request) => String(request.body.length))
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  running.push({ close: () => app.close() })
  const { socket } = open(origin)
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n12345')
  const post = () => statusOf(origin, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'all of it' })
  await expect.poll(post).toBe(503)
  socket.destroy()
  await expect.poll(post).toBe(200)
})
