import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  connectLimit,
  fastifyLimit,
  honoLimit,
  type LimitDecision,
  webLimit,
  type WebLimitOptions,
} from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { machineName } from '../../support/machine.js'

const windowMs = 60_000
const close: (() => unknown)[] = []
afterEach(async () => {
  for (const each of close.splice(0)) await each()
})

/** A request of a user from an address. */
const from = (address: string, user?: string, path = '/') =>
  new Request(`http://a.example${path}`, { headers: { address, ...(user === undefined ? {} : { user }) } })
const addressOf = (request: Request) => request.headers.get('address')
const userOf = (request: Request) => request.headers.get('user') ?? undefined

function served(options: WebLimitOptions) {
  const clock = new FakeClock()
  const handler = webLimit({ clock, key: addressOf, ...options }, () => new Response('ok'))
  const ask = async (...request: Parameters<typeof from>) => {
    const response = await handler(from(...request))
    await response.text()
    return response.status
  }
  return { clock, handler, ask }
}

describe('a key for each limit', () => {
  const limits = { perAddress: { max: 4, windowMs }, perUser: { max: 2, windowMs, key: userOf } }

  it('charges a request that one refuses in none, so that a user does not use up the address of the next one', async () => {
    const { handler, ask } = served({ limits })
    expect([await ask('1', 'ann'), await ask('1', 'ann')]).toEqual([200, 200])
    for (let n = 0; n < 9; n++) expect(await ask('1', 'ann')).toBe(429)
    expect(handler.look('1', 'perAddress').limits[0]?.remaining).toBe(2)
    expect([await ask('1', 'bob'), await ask('1', 'bob'), await ask('1', 'eve')]).toEqual([200, 200, 429])
    expect(handler.look('eve', 'perUser').limits[0]?.remaining).toBe(2)
  })

  it('counts by the address, once and in that limit alone, if the key of one of three throws', async () => {
    let isFailing = true
    const fails = () => {
      if (isFailing) throw new Error('no session')
      return 'ann'
    }
    const { handler, ask } = served({
      limits: {
        perAddress: { max: 9, windowMs },
        perUser: { max: 2, windowMs, key: fails },
        all: { max: 9, windowMs, key: () => 'all' },
      },
    })
    // A Request says no address: one key for all that have none.
    expect([await ask('1'), await ask('2'), await ask('3')]).toEqual([200, 200, 429])
    const left = (key: string, limit: string) => handler.look(key, limit).limits[0]?.remaining
    expect([left('1', 'perAddress'), left('3', 'perAddress'), left('unknown', 'perUser'), left('all', 'all')]).toEqual([
      8, 9, 0, 7,
    ])
    expect(handler.stats()).toEqual({ allowed: 2, refused: 1, failed: 3 })
    isFailing = false
    expect(await ask('3')).toBe(200)
  })

  it('leaves out a limit whose key is null, and does not limit a request that all leave out', async () => {
    const { handler, ask } = served({
      key: () => null,
      limits: { a: { max: 1, windowMs }, b: { max: 2, windowMs, key: (request) => userOf(request) ?? null } },
    })
    for (let n = 0; n < 5; n++) expect(await ask('1')).toBe(200)
    expect([await ask('1', 'ann'), await ask('2', 'ann'), await ask('3', 'ann')]).toEqual([200, 200, 429])
    expect(handler.stats()).toEqual({ allowed: 2, refused: 1, failed: 0 })
  })

  it('gets what the handler gets, in webLimit, whose own key is not needed then', async () => {
    const handler = webLimit(
      { max: 1, windowMs, key: (_: Request, info: { ip: string }) => info.ip },
      (_, info) => new Response(info.ip),
    )
    const own = webLimit(
      { limits: { a: { max: 1, windowMs, key: (_, info: { ip: string }) => info.ip } } },
      (_: Request, info: { ip: string }) => new Response(info.ip),
    )
    for (const each of [handler, own])
      expect([
        (await each(from('1'), { ip: 'x' })).status,
        (await each(from('1'), { ip: 'x' })).status,
        (await each(from('1'), { ip: 'y' })).status,
      ]).toEqual([200, 429, 200])
    expect(() =>
      webLimit({ limits: { a: { max: 1, windowMs, key: () => 'a' }, b: { max: 1, windowMs } } }, () => new Response()),
    ).toThrow('key must be a function')
  })
})

describe('functions that give a promise', () => {
  const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(resolve, value))

  it('are awaited: key, cost, max and skip', async () => {
    const { ask, handler } = served({
      key: (request) => later(addressOf(request)),
      skip: (request) => later(request.url.endsWith('/health')),
      limits: {
        window: { max: () => later(4), windowMs, cost: () => later(2) },
        bucket: {
          requestsPerSecond: 0.001,
          burstSize: 9,
          cost: () => later(3),
          key: (request) => later(userOf(request)),
        },
      },
    })
    for (let n = 0; n < 5; n++) expect(await ask('1', 'ann', '/health')).toBe(200)
    expect([await ask('1', 'ann'), await ask('1', 'ann'), await ask('1', 'ann')]).toEqual([200, 200, 429])
    expect([await ask('2', 'ann'), await ask('3', 'ann'), await ask('3', 'bob')]).toEqual([200, 429, 200])
    expect(handler.stats()).toEqual({ allowed: 4, refused: 2, failed: 0 })
  })

  it('that never settles make nobody wait for more than 2 s, and charge the address', async () => {
    const { clock, handler } = served({ limits: { a: { max: () => new Promise<never>(() => undefined), windowMs } } })
    const answers = [from('1'), from('2')].map(async (request) => (await handler(request)).status)
    await clock.advance(2000)
    expect((await Promise.all(answers)).sort()).toEqual([200, 429])
    expect(handler.stats()).toEqual({ allowed: 1, refused: 1, failed: 2 })
  })

  it('make no promise of one that gives its value at once', () => {
    const limit = connectLimit({ max: 1, windowMs, key: () => 'a' })
    let passed = 0
    limit({ headers: {} }, { setHeader: () => 0, getHeader: () => undefined } as never, () => passed++)
    expect(passed).toBe(1)
  })

  it('answer nothing over what has answered meanwhile', async () => {
    const limit = connectLimit({ max: 1, windowMs, key: () => later('a') })
    const server = createServer((request, response) => {
      limit(request, response, () => response.end('late'))
      if (request.url === '/now') response.end('now')
    }).listen(0, '127.0.0.1')
    close.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await (await fetch(url)).text()).toBe('late')
    expect(await (await fetch(`${url}/now`)).text()).toBe('now')
  })
})

describe('look, reset and block', () => {
  const kinds = { window: { max: 2, windowMs }, bucket: { requestsPerSecond: 1 / 60, burstSize: 2 } }

  it.each(Object.entries(kinds))('of a %s', async (_, limit) => {
    const { clock, handler, ask } = served({ limits: { a: limit } })
    expect(handler.look('1')).toMatchObject({ allowed: true, banned: false, key: '1', retryAfterMs: 0 })
    expect(handler.look('1').limits).toMatchObject([{ name: 'a', quota: 2, remaining: 2, refused: false }])
    expect([await ask('1'), await ask('1'), await ask('1')]).toEqual([200, 200, 429])
    expect(handler.look('1')).toMatchObject({ allowed: false, limits: [{ remaining: 0, refused: true }] })
    expect(handler.look('1').retryAfterMs).toBeGreaterThan(50_000)
    handler.reset('1')
    expect([await ask('1'), await ask('1'), await ask('1')]).toEqual([200, 200, 429])
    handler.reset('1')
    handler.block('1', 5000)
    expect([await ask('1'), await ask('2')]).toEqual([429, 200])
    expect(handler.look('1').retryAfterMs).toBeGreaterThanOrEqual(5000)
    await clock.advance(4990)
    expect(await ask('1')).toBe(429)
    handler.reset('1')
    expect(await ask('1')).toBe(200)
    expect(handler.stats().failed).toBe(0)
  })

  it('charge nothing, and forget nothing of others: a key that was never seen, a time that is none', async () => {
    const { handler, ask } = served({
      limits: { a: { max: 2, windowMs }, b: { requestsPerSecond: 0.001, burstSize: 2 }, c: { maxConcurrent: 1 } },
    })
    for (let n = 0; n < 9; n++) handler.look('1')
    handler.reset('nobody')
    for (const ms of [undefined, NaN, 0, -1, '5'] as number[])
      expect(() => handler.block('1', ms)).toThrow('ms must be')
    expect(() => handler.block('1', 5, 'd')).toThrow('limit must be one of a, b, c; received "d"')
    expect(() => handler.reset(undefined as never)).toThrow('key must be')
    expect([await ask('1'), await ask('1'), await ask('1')]).toEqual([200, 200, 429])
  })

  it('end a ban, and take an address as it is', () => {
    const limit = connectLimit({ limits: { a: { max: 1, windowMs, banAfter: 1 } } })
    const ask = (): number => {
      const response = { statusCode: 200, setHeader: () => 0, getHeader: () => undefined, end: () => 0 }
      limit({ headers: {}, ip: '2001:db8::1' }, response as never, () => undefined)
      return response.statusCode
    }
    expect([ask(), ask(), ask()]).toEqual([200, 429, 403])
    expect(limit.look('2001:db8:0:99::5')).toMatchObject({ allowed: false, banned: true, status: 403 })
    limit.reset('2001:db8:0:99::5')
    expect([ask(), ask()]).toEqual([200, 429])
  })
})

describe('maxConcurrent', () => {
  /** A web handler that answers when `release` is called. */
  function slow(options: WebLimitOptions = {}) {
    const clock = new FakeClock()
    const waiting: (() => void)[] = []
    const handler = webLimit(
      { clock, key: addressOf, maxConcurrent: 2, ...options },
      () => new Promise<Response>((resolve) => waiting.push(() => resolve(new Response('ok')))),
    )
    return { clock, handler, ask: (address: string) => handler(from(address)), release: () => waiting.shift()?.() }
  }

  it('lets so many requests of a key be under way, until their answers have ended', async () => {
    const { handler, ask, release } = slow()
    const first = [ask('1'), ask('1')]
    const refused = await ask('1')
    expect(refused.status).toBe(429)
    expect([
      refused.headers.get('ratelimit-policy'),
      refused.headers.get('ratelimit'),
      refused.headers.get('retry-after'),
    ]).toEqual(['"default";q=2;qu="concurrent-requests"', '"default";r=0', '1'])
    const other = ask('2')
    release()
    const answer = await first[0]!
    expect(answer.headers.get('ratelimit')).toBe('"default";r=1')
    // Its body is still to be read.
    expect((await ask('1')).status).toBe(429)
    expect(await answer.text()).toBe('ok')
    const next = ask('1')
    expect(handler.look('1')).toMatchObject({ allowed: false, limits: [{ quota: 2, remaining: 0 }] })
    for (let n = 0; n < 3; n++) release()
    for (const each of [first[1]!, other, next]) expect(await (await each).text()).toBe('ok')
    expect(handler.look('1')).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] })
  })

  it('frees the place of a request that another limit refused, or whose handler failed', async () => {
    const handler = webLimit(
      { key: addressOf, limits: { places: { maxConcurrent: 1 }, all: { max: 2, windowMs, key: () => 'all' } } },
      () => {
        throw new Error('no')
      },
    )
    for (let n = 0; n < 2; n++) await expect(handler(from('1'))).rejects.toThrow('no')
    for (let n = 0; n < 2; n++) expect((await handler(from('1'))).headers.get('ratelimit')).toMatch(/"all";r=0/)
    expect(handler.look('1', 'places').allowed).toBe(true)
  })

  it('holds no place of a request that shared memory could not count, which is admitted', async () => {
    const limits = { places: { maxConcurrent: 1 }, bucket: { requestsPerSecond: 1 } }
    let failed = 0
    for (let last = 0; last < 12; last++) {
      const { clock, handler } = served({ limits, headersWhen: 'refused' })
      const now = clock.now.bind(clock)
      let reads = 0
      clock.now = () => (reads++ === last ? NaN : now())
      const response = await handler(from('1'))
      clock.now = now
      expect([response.status, await response.text()]).toEqual([200, 'ok'])
      failed += handler.stats().failed
      expect(handler.look('1', 'places').allowed).toBe(true)
    }
    expect(failed).toBeGreaterThan(4)
  })

  it('renews the places of a name while they are held, and leaves those that it could not', async () => {
    const name = machineName()
    const clock = new FakeClock()
    const made = () => slow({ name, clock })
    const [one, other] = [made(), made()]
    const first = [one.ask('1'), one.ask('1')]
    await clock.advance(60_000)
    expect((await other.ask('1')).status).toBe(429)
    // As a process that was stopped: its timers are late.
    const now = clock.now.bind(clock)
    clock.now = () => now() + 20_000
    const second = [other.ask('1'), other.ask('1')]
    for (let n = 0; n < 2; n++) one.release()
    for (const each of first) await (await each).text()
    expect((await one.ask('1')).status).toBe(429)
    for (let n = 0; n < 2; n++) other.release()
    for (const each of second) await (await each).text()
    expect(one.handler.look('1').limits[0]?.remaining).toBe(2)
  })

  it('blocks a key, whose requests under way keep their places', async () => {
    const { handler, ask, release } = slow()
    const first = ask('1')
    handler.block('1', 1000)
    expect((await ask('1')).headers.get('retry-after')).toBe('1')
    release()
    await (await first).text()
    expect((await ask('1')).status).toBe(429)
    handler.reset('1')
    expect(handler.look('1')).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] })
  })

  it('is for a client of node:http, too, whose connection may end before', async () => {
    const limit = connectLimit({ maxConcurrent: 1 })
    const held: (() => void)[] = []
    const server = createServer((request, response) =>
      limit(request, response, () => held.push(() => response.end('ok'))),
    ).listen(0, '127.0.0.1')
    close.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const controller = new AbortController()
    const first = fetch(url, { signal: controller.signal })
    await expect.poll(() => held.length).toBe(1)
    expect((await fetch(url)).status).toBe(429)
    controller.abort()
    await expect(first).rejects.toThrow()
    await expect.poll(() => limit.look('127.0.0.1').allowed).toBe(true)
  })
})

describe('what was decided', () => {
  const refused = { allowed: false, key: 'a', limits: [{ name: 'default', quota: 1, remaining: 0, refused: true }] }
  const limit = { max: 1, windowMs, key: () => 'a' }

  it.each(['always', 'refused'] as const)("is on the request, with headersWhen: '%s'", async (headersWhen) => {
    const seen: (LimitDecision | undefined)[] = []
    const options = { ...limit, headersWhen }
    const connect = connectLimit<IncomingMessage & { rateLimit?: LimitDecision }>({
      ...options,
      refuse: (request, _, response) => response.end(String(seen.push(request.rateLimit))),
    })
    const server = createServer((request, response) =>
      connect(request, response, () =>
        response.end(String(seen.push((request as { rateLimit?: LimitDecision }).rateLimit))),
      ),
    ).listen(0, '127.0.0.1')
    close.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    for (let n = 0; n < 2; n++) await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

    const app = new Hono<{ Variables: { rateLimit: LimitDecision } }>()
    app.use(
      honoLimit({
        ...options,
        refuse: (context) =>
          new Response(
            String(seen.push((context as unknown as { get: (name: string) => LimitDecision }).get('rateLimit'))),
          ),
      }),
    )
    app.get('/', (context) => context.text(String(seen.push(context.get('rateLimit')))))
    for (let n = 0; n < 2; n++) await app.request('/')

    const note = (request: Request) =>
      new Response(String(seen.push((request as { rateLimit?: LimitDecision }).rateLimit)))
    const handler = webLimit({ ...options, refuse: note }, note)
    for (let n = 0; n < 2; n++) await handler(from('1'))

    const fastify = Fastify()
    await fastify.register(fastifyLimit, {
      ...options,
      refuse: (request: { rateLimit?: LimitDecision }) => String(seen.push(request.rateLimit)),
    })
    fastify.get('/', (request) => String(seen.push((request as { rateLimit?: LimitDecision }).rateLimit)))
    for (let n = 0; n < 2; n++) await fastify.inject('/')

    expect(seen).toHaveLength(8)
    seen.forEach((each, n) => {
      expect(each).toMatchObject(
        n % 2 === 0 ? { allowed: true, key: 'a', limits: [{ remaining: 0, refused: false }] } : refused,
      )
    })
  })

  it('comes with handles in Fastify, those of a route before those of the plugin', async () => {
    const app = Fastify()
    const { clock, ...login } = { clock: new FakeClock(), max: 1 }
    await app.register(fastifyLimit, { limits: { all: { requestsPerSecond: 1, burstSize: 2 } }, clock })
    const handler = (request: unknown) => {
      ;(request as { limit: { reset(key: string): void } }).limit.reset('127.0.0.1')
      return 'ok'
    }
    app.get('/', handler)
    app.get('/login', { config: { limit: { ...login, windowMs } } }, handler)
    app.get('/counted', { config: { limit: { ...login, windowMs } } }, () => 'ok')
    const statuses = async (path: string) => [(await app.inject(path)).statusCode, (await app.inject(path)).statusCode]
    expect(await statuses('/')).toEqual([200, 200])
    expect(await statuses('/login')).toEqual([200, 200])
    expect(await statuses('/counted')).toEqual([200, 429])
    const { limit } = app as unknown as { limit: { look(key: string): LimitDecision } }
    expect(limit.look('127.0.0.1').limits).toMatchObject([{ name: 'all', remaining: 2 }])
  })
})

describe('a single limit', () => {
  it('needs no name: a window, a rate or requests under way', async () => {
    for (const options of [
      { max: 1, windowMs },
      { requestsPerSecond: 0.001, burstSize: 1 },
      { requestsPerSecond: 1, cost: 1 },
    ]) {
      const { handler } = served(options)
      expect((await handler(from('1'))).headers.get('ratelimit')).toMatch(/^"default";r=0/)
      expect((await handler(from('1'))).status).toBe(429)
    }
  })

  it('is refused with what is wrong', () => {
    const bad = (options: object) => () => connectLimit(options)
    expect(bad({ max: 1, windowMs, limits: { a: { max: 1, windowMs } } })).toThrow(
      'connectLimit takes limits, or the options of a single limit; received limits and max, windowMs',
    )
    expect(bad({ max: 1 })).toThrow('windowMs must be')
    expect(bad({ burstSize: 1 })).toThrow(
      'connectLimit must have requestsPerSecond, max with windowMs, or maxConcurrent; received burstSize',
    )
    expect(bad({ max: 1, windowMs, burstSize: 1 })).toThrow("unknown connectLimit option 'burstSize'")
    expect(bad({ maxConcurrent: 1.5 })).toThrow('maxConcurrent must be an integer >= 1 and <= 1000')
    expect(bad({ maxConcurrent: 1, cost: 2 })).toThrow("unknown connectLimit option 'cost'")
    expect(bad({ limits: { a: { max: 1, windowMs, key: 'a' } } })).toThrow('limits.a.key must be a function')
    expect(bad({})).toThrow('limits must be an object')
  })

  it('of a route takes the place of the limits of its plugin', async () => {
    const app = Fastify()
    await app.register(fastifyLimit, { max: 9, windowMs, key: () => 'a' })
    const routes = {
      max: { max: 1 },
      rate: { requestsPerSecond: 0.001 },
      named: { limits: { b: { max: 1, windowMs } } },
    }
    for (const [path, limit] of Object.entries(routes)) app.get(`/${path}`, { config: { limit } }, () => 'ok')
    for (const path of Object.keys(routes))
      expect([(await app.inject(`/${path}`)).statusCode, (await app.inject(`/${path}`)).statusCode]).toEqual([200, 429])
  })
})
