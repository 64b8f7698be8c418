import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import {
  connectLimit,
  type ConnectShedOptions,
  type HonoContext,
  shed,
  type ShedOptions,
  type WebShedOptions,
} from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { Hono } from 'hono'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { itWithAddon } from '../../support/native.js'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** A server whose answers the test gives, by path. */
async function serve(options: ConnectShedOptions<IncomingMessage>) {
  const middleware = shed(options)
  const open = new Map<string, ServerResponse>()
  const server = createServer((request, response) =>
    middleware(request, response, (error) => {
      if (error instanceof Error) response.end(`${error.name}: ${error.message}`)
      else open.set(request.url!, response)
    }),
  )
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`)
  /** Asks, and comes back once the request is under way. */
  const begin = async (path: string): Promise<{ readonly answer: Promise<Response> }> => {
    const answer = get(path)
    answer.catch(() => undefined)
    await expect.poll(() => open.has(path)).toBe(true)
    return { answer }
  }
  return { middleware, open, get, begin, port }
}

const priorityOf = ({ url }: IncomingMessage): number => (url === '/first' ? Infinity : 5)

const warning = () => new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve))

describe('shed', () => {
  it('frees the places of requests whose connection ends before their turn', async () => {
    const { middleware, get, open, port } = await serve({ maxConcurrent: 10, priority: priorityOf })
    // Of the responses that wait for the first one, Node tells nobody.
    for (let round = 0; round < 3; round++) {
      const socket = connectSocket(port, '127.0.0.1')
      const requests = ['/first', ...Array.from({ length: 12 }, (_, n) => `/${round}-${n}`)]
      socket.write(requests.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
      await expect.poll(() => middleware.stats().running).toBe(10)
      socket.destroy()
      await expect.poll(() => middleware.stats().running).toBe(0)
    }
    // Those that wait and get their turn count once, too.
    const socket = connectSocket(port, '127.0.0.1')
    socket.write(['/a', '/b'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
    await expect.poll(() => open.has('/b')).toBe(true)
    open.get('/b')!.end()
    open.get('/a')!.end()
    await expect.poll(() => middleware.stats().running).toBe(0)
    socket.destroy()
    const answer = get('/again')
    await expect.poll(() => open.has('/again')).toBe(true)
    open.get('/again')!.end('ok')
    expect(await (await answer).text()).toBe('ok')
    expect(middleware.stats().running).toBe(0)
  })

  it('refuses what finds no place, with 503, Retry-After and problem details, and admits when one is free', async () => {
    const { open, get, begin, middleware } = await serve({ maxConcurrent: 2 })
    const one = await begin('/1')
    await begin('/2')
    const refused = await get('/3')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(refused.headers.get('ratelimit-policy')).toBe('"concurrency";q=2;qu="concurrent-requests"')
    expect(refused.headers.get('ratelimit')).toBe('"concurrency";r=0')
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Request cannot be satisfied due to temporary server capacity constraints',
      status: 503,
    })
    open.get('/1')!.end('done')
    expect(await (await one.answer).text()).toBe('done')
    await begin('/4')
    expect(middleware.stats()).toEqual({ admitted: 3, refused: 1, running: 2, limit: 2, inUse: 2 })
  })

  it('frees the place of a client that goes, also of one that had gone before', async () => {
    const { begin, middleware, port, open } = await serve({ maxConcurrent: 1 })
    const socket = connectSocket(port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(() => open.has('/slow')).toBe(true)
    expect(middleware.stats().inUse).toBe(1)
    socket.destroy()
    await expect.poll(() => middleware.stats().inUse).toBe(0)
    const gone = open.get('/slow')!
    middleware(gone.req, gone, () => undefined)
    expect(middleware.stats()).toMatchObject({ running: 0, inUse: 0, admitted: 2 })
    await begin('/next')
  })

  it('refuses low priorities from half of the places on, and health checks never', async () => {
    const priorities: Record<string, number> = { low: 4, high: 9, health: Infinity }
    const { begin, get, middleware } = await serve({
      maxConcurrent: 4,
      priority: ({ url = '' }) => priorities[url.split('/')[1]!] ?? 5,
    })
    await begin('/low/1')
    await begin('/low/2')
    expect((await get('/low/3')).status).toBe(503)
    await begin('/usual/1')
    await begin('/high/1')
    expect((await get('/high/2')).status).toBe(503)
    expect((await get('/usual/2')).status).toBe(503)
    await begin('/health/1')
    expect(middleware.stats()).toMatchObject({ admitted: 5, refused: 3, running: 4 })
  })

  it('takes 5 for a priority that is none, and says so', async () => {
    const said = warning()
    const { begin, get } = await serve({ maxConcurrent: 1, priority: () => -1 })
    await begin('/1')
    expect((await get('/2')).status).toBe(503)
    expect(await said).toMatchObject({ code: 'AMORSIZE_HTTP_LIMIT_FAILED' })
  })

  it('hands the answer to `refuse`, and what that throws to the next handler', async () => {
    const { begin, get } = await serve({
      maxConcurrent: 1,
      statusCode: 529,
      refuse(request, { reason, priority, limit, inUse, status }, response) {
        if (request.url === '/fails') throw new Error('refuse failed')
        response.end(JSON.stringify({ reason, priority, limit, inUse, status }))
      },
    })
    await begin('/1')
    const refused = await get('/2')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([529, '1'])
    expect(await refused.json()).toEqual({ reason: 'concurrency', priority: 5, limit: 1, inUse: 1, status: 529 })
    expect(await (await get('/fails')).text()).toBe('Error: refuse failed')
  })

  it('hands what `refuse` rejects with to the next handler', async () => {
    const { begin, get } = await serve({ maxConcurrent: 1, refuse: () => Promise.reject(new Error('refuse failed')) })
    await begin('/1')
    expect(await (await get('/2')).text()).toBe('Error: refuse failed')
  })

  it('works on HTTP/2, and frees the place of a stream that is reset', async () => {
    const middleware = shed({ maxConcurrent: 1 })
    const server = createHttp2Server((request, response) => middleware(request, response, () => response.write('part')))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const ask = async () => {
      const stream = session.request({ ':path': '/' })
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
      return { stream, status: headers[':status'] }
    }
    const first = await ask()
    expect([first.status, (await ask()).status]).toEqual([200, 503])
    first.stream.close(8)
    await expect.poll(() => middleware.stats().inUse).toBe(0)
    session.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it.each([null, 8])('frees the place of a HEAD request of HTTP/2 that is never answered, %s', async (reset) => {
    const statuses: number[] = []
    const middleware = shed({ maxConcurrent: 1 })
    const countIf = (_: unknown, status: number): boolean => statuses.push(status) > 0
    const limit = connectLimit({ limits: { all: { max: 9, windowMs: 60_000 } }, key: () => 'all', countIf })
    const server = createHttp2Server((request, response) => {
      middleware(request, response, () =>
        limit(request, response, () => (reset === null ? response.stream.close() : 0)),
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = session.request({ ':path': '/', ':method': 'HEAD' })
    await expect.poll(() => middleware.stats().admitted).toBe(1)
    if (reset !== null) stream.close(reset)
    await expect.poll(() => middleware.stats().inUse).toBe(0)
    expect(statuses).toEqual([499])
    session.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it('takes a name of any length', () => {
    expect(shed({ name: `http-shed ${process.pid}`.padEnd(200, '-') }).stats().inUse).toBe(0)
  })

  it('of one name has one limit, in every server of it', async () => {
    const options = { maxConcurrent: 2, name: 'unit/shed: any %name' }
    const [one, two] = [await serve(options), await serve(options)]
    await one.begin('/1')
    await two.begin('/2')
    expect((await one.get('/3')).status).toBe(503)
    expect([one.middleware.stats().running, two.middleware.stats().inUse]).toEqual([1, 2])
  })

  itWithAddon('of one name with other numbers is an error', () => {
    const first = shed({ maxConcurrent: 2, name: 'unit shed' })
    expect(() => shed({ maxConcurrent: 3, name: 'unit shed' })).toThrow(
      expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' }),
    )
    expect(first.stats().limit).toBe(2)
  })

  it.each([
    [{ maxConcurrent: 0 }, RangeError, 'maxConcurrent must be'],
    [{ maxConcurrent: 'many' }, TypeError, "or 'adaptive'; received"],
    [{ maxConcurrent: 5, min: 2 }, TypeError, "min needs maxConcurrent: 'adaptive'"],
    [{ priority: 5 }, TypeError, 'priority must be a function'],
    [{ maxEventLoopDelayMs: 0 }, RangeError, 'maxEventLoopDelayMs must be'],
    [{ maxMemoryRatio: 1.5 }, RangeError, 'maxMemoryRatio must be'],
    [{ scope: 'machine' }, TypeError, 'name'],
    [{ statusCode: 200 }, RangeError, 'statusCode must be'],
    [{ dryRun: 1 }, TypeError, 'dryRun must be'],
    [{ maxConcurent: 5 }, TypeError, "did you mean 'maxConcurrent'?"],
  ])('refuses %j', (options, type, message) => {
    const bad = options as ShedOptions<object>
    for (const make of [() => shed(bad), () => shed.hono(bad), () => shed.web(bad, () => new Response())]) {
      expect(make).toThrow(type)
      expect(make).toThrow(message)
    }
  })
})

/** A web handler whose answers the test gives, one after the other. */
function web(options: WebShedOptions<Request>) {
  const ends: ((response: Response) => void)[] = []
  const handler = shed.web(options, () => new Promise<Response>((resolve) => ends.push(resolve)))
  return { handler, ends, ask: (init?: RequestInit) => handler(new Request('http://example.org', init)) }
}

describe('shed.web', () => {
  it('holds a place until the body has ended, was cancelled or broke', async () => {
    const { handler, ends, ask } = web({ maxConcurrent: 1 })
    const inUse = (): number => handler.stats().inUse
    const bodies = ['read', 'cancelled', 'broken', 'none'] as const
    for (const kind of bodies) {
      const asked = ask()
      expect((await ask()).status).toBe(503)
      const stream = new ReadableStream(
        {
          pull(controller) {
            if (kind === 'broken') controller.error(new Error('broken'))
            else controller.enqueue(new TextEncoder().encode('part'))
            if (kind === 'read') controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      ends.pop()!(new Response(kind === 'none' ? null : stream))
      const response = await asked
      expect(inUse()).toBe(kind === 'none' ? 0 : 1)
      if (kind === 'read') expect(await response.text()).toBe('part')
      if (kind === 'cancelled') await response.body!.cancel()
      if (kind === 'broken') await expect(response.text()).rejects.toThrow('broken')
      expect(inUse()).toBe(0)
    }
  })

  it('frees the place of a client that is gone, and of a handler that throws', async () => {
    const { handler, ask } = web({ maxConcurrent: 1 })
    const controller = new AbortController()
    void ask({ signal: controller.signal })
    expect(handler.stats().inUse).toBe(1)
    controller.abort()
    expect(handler.stats()).toMatchObject({ inUse: 0, running: 0 })
    void ask({ signal: controller.signal })
    expect(handler.stats().inUse).toBe(0)
    const failing = shed.web({ maxConcurrent: 1 }, () => {
      throw new Error('broken')
    })
    for (let n = 0; n < 3; n++) await expect(failing(new Request('http://example.org'))).rejects.toThrow('broken')
  })

  it.each(['web', 'hono'] as const)('adds header fields to what `refuse` gives, and changes none: %s', async (form) => {
    const later = new Response(null, { status: 503, headers: { 'retry-after': '30' } })
    const options = { maxConcurrent: 1, refuse: () => later }
    const never = () => new Promise<never>(() => undefined)
    const request = new Request('http://example.org')
    const [handler, middleware] = [shed.web(options, never), shed.hono(options)]
    const ask = (): Promise<Response | undefined> =>
      form === 'web' ? handler(request) : middleware({ req: { raw: request }, env: undefined } as HonoContext, never)
    void ask()
    for (let n = 0; n < 2; n++) {
      const refused = (await ask())!
      expect([refused.headers.get('retry-after'), refused.headers.get('ratelimit')]).toEqual([
        '30',
        '"concurrency";r=0',
      ])
    }
    expect([...later.headers.keys()]).toEqual(['retry-after'])
  })

  it('refuses while the event loop is late, and not after', async () => {
    let nowMs = 0
    let timer: (() => void) | undefined
    const clock = {
      now: () => nowMs,
      setTimeout: (fn: () => void) => void (timer = fn),
      clearTimeout: () => (timer = undefined),
    }
    const { handler, ends, ask } = web({ maxConcurrent: 100, maxEventLoopDelayMs: 100, clock })
    const status = async (): Promise<number> => {
      const asked = ask()
      ends.pop()?.(new Response())
      return (await asked).status
    }
    expect(await status()).toBe(200)
    nowMs = 140 // 90 ms late, and its timer has not run
    expect(await status()).toBe(200)
    nowMs = 160
    expect(await status()).toBe(503)
    timer!() // it runs, and was 110 ms late
    expect(await status()).toBe(503)
    nowMs += 55
    timer!()
    expect(await status()).toBe(200)
    handler[Symbol.dispose]()
    expect(timer).toBeUndefined()
  })

  it('measures the event loop where timers are numbers, as in jsdom', () => {
    vi.stubGlobal('setTimeout', () => 5)
    try {
      shed({ maxEventLoopDelayMs: 100 })[Symbol.dispose]()
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('refuses while there is little memory left', async () => {
    const short = web({ maxConcurrent: 100, maxMemoryRatio: 1e-9 })
    const response = await short.ask()
    expect([response.status, response.headers.get('ratelimit')]).toEqual([503, null])
    const enough = web({ maxConcurrent: 100, maxMemoryRatio: 1 })
    void enough.ask()
    expect(enough.handler.stats().running).toBe(1)
  })

  it('refuses nothing in a dry run, and counts', async () => {
    const { handler, ends, ask } = web({ maxConcurrent: 1, dryRun: true })
    const asked = [ask(), ask(), ask()]
    for (const end of ends) end(new Response())
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(handler.stats()).toMatchObject({ admitted: 1, refused: 2, running: 0 })
  })

  it('finds the limit by how long answers take; errors and clients that went say nothing, 503 and 504 lower it', async () => {
    const limitAfter = async (answerAfterMs: number, status: number): Promise<number> => {
      const clock = new FakeClock()
      const handler = shed.web({ clock }, async () => {
        await new Promise((resolve) => clock.setTimeout(resolve as () => void, answerAfterMs))
        return new Response(null, { status })
      })
      for (let n = 0; n < 100; n++) {
        const asked = Array.from({ length: 20 }, () => handler(new Request('http://example.org')))
        await clock.advance(answerAfterMs)
        await Promise.all(asked)
      }
      return handler.stats().limit
    }
    expect(await limitAfter(20, 200)).toBeGreaterThan(18)
    expect(await limitAfter(20, 404)).toBeGreaterThan(18)
    expect(await limitAfter(20, 500)).toBe(16)
    expect(await limitAfter(20, 504)).toBe(2)
  })
})

describe('shed.hono', () => {
  it('holds a place until the body has ended, where there is no Node to ask', async () => {
    const middleware = shed.hono({ maxConcurrent: 1 })
    const context = (): HonoContext => ({
      req: { method: 'GET', path: '/', header: () => undefined, raw: new Request('http://example.org') },
      res: new Response('done'),
      header: () => undefined,
      env: undefined,
    })
    const one = context()
    expect(await middleware(one, () => Promise.resolve())).toBeUndefined()
    expect((await middleware(context(), () => Promise.resolve()))!.status).toBe(503)
    expect(await one.res.text()).toBe('done')
    await expect(middleware(context(), () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(middleware.stats()).toMatchObject({ running: 0, admitted: 2, refused: 1 })
  })
  it('holds no place for the body of a HEAD, which nobody reads, nor does shed.web', async () => {
    const options = { maxConcurrent: 1 }
    const answer = (): Response => new Response(new Blob(['x'.repeat(100_000)]).stream())
    const app = new Hono().use(shed.hono(options)).get('/', answer)
    const handler = shed.web(options, answer)
    for (let n = 0; n < 3; n++) {
      const request = new Request('http://example.org/', { method: 'HEAD' })
      expect([(await app.fetch(request)).status, (await handler(request)).status]).toEqual([200, 200])
    }
  })
})
