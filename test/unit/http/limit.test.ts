import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectLimit, type ConnectLimitOptions, ipKey, webLimit, type WebLimitOptions } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const warning = () => new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve))

type Handler = (request: IncomingMessage, response: import('node:http').ServerResponse) => void

/** A bare server behind a middleware; what it answers to GETs, one after the other. */
async function serve(
  options: ConnectLimitOptions<IncomingMessage>,
  handler: Handler = (_, response) => response.end('ok'),
) {
  const limit = connectLimit(options)
  const server = createServer((request, response) =>
    limit(request, response, (error) => {
      if (error === undefined) {
        handler(request, response)
        return
      }
      response.statusCode = 500
      response.end(error instanceof Error ? `${error.name}: ${error.message}` : '')
    }),
  )
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = async (path = '/', headers: Record<string, string> = {}) => {
    const response = await fetch(origin + path, { headers })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  return { limit, get, origin }
}

/** A web handler on a fake clock; the key is the path. */
function web(options: Omit<WebLimitOptions, 'key'> & Partial<WebLimitOptions>, status = 200) {
  const clock = new FakeClock()
  const handler = webLimit(
    { clock, key: (request) => new URL(request.url).pathname, ...options },
    () => new Response('ok', { status }),
  )
  const get = (path = '/', init?: RequestInit) => handler(new Request(`http://example.org${path}`, init))
  return {
    clock,
    handler,
    get,
    statuses: async (...paths: string[]) => Promise.all(paths.map(async (path) => (await get(path)).status)),
  }
}

describe('connectLimit', () => {
  it('admits the limit and refuses the rest with Retry-After and problem details', async () => {
    const clock = new FakeClock()
    const { get, limit } = await serve({ clock, limits: { burst: { requestsPerSecond: 0.5, burstSize: 2 } } })
    const first = await get()
    expect([first.status, first.headers.get('ratelimit'), first.headers.get('ratelimit-policy')]).toEqual([
      200,
      '"burst";r=1;t=2',
      '"burst";q=2;w=4',
    ])
    await get()
    const { status, headers, body } = await get()
    expect([status, headers.get('retry-after'), headers.get('content-type')]).toEqual([
      429,
      '2',
      'application/problem+json',
    ])
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['burst'],
    })
    expect(limit.stats()).toEqual({ allowed: 2, refused: 1, failed: 0 })
    await clock.advance(2000)
    expect((await get()).status).toBe(200)
  })

  it('gives back what does not count: only failed logins, and a client that goes is status 499', async () => {
    const seen: number[] = []
    let hangs = false
    const { get, origin } = await serve(
      {
        limits: { login: { max: 2, windowMs: 60_000 } },
        countIf: (_, status) => {
          seen.push(status)
          return status === 401
        },
      },
      (request, response) => {
        hangs = request.url === '/hang'
        if (hangs) return
        response.statusCode = request.url === '/wrong' ? 401 : 200
        response.end('ok')
      },
    )
    for (let i = 0; i < 5; i++) expect((await get('/right')).status).toBe(200)
    const gone = httpRequest(`${origin}/hang`)
      .on('error', () => undefined)
      .end()
    await expect.poll(() => hangs, { timeout: 20_000 }).toBe(true)
    gone.destroy()
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe(499)
    expect([(await get('/wrong')).status, (await get('/wrong')).status, (await get('/wrong')).status]).toEqual([
      401, 401, 429,
    ])
  })

  it('never answers 500 for a key that fails, unless asked', async () => {
    const warned = warning()
    const limits = { a: { max: 1, windowMs: 60_000 } }
    const bad = () => {
      throw new Error('no session')
    }
    const { get, limit } = await serve({ limits, key: bad })
    expect([(await get()).status, (await get()).status]).toEqual([200, 429])
    expect(limit.stats()).toEqual({ allowed: 1, refused: 1, failed: 2 })
    expect(await warned).toMatchObject({
      code: 'AMORSIZE_HTTP_LIMIT_FAILED',
      message: expect.stringContaining('no session') as string,
    })
    const closed = await serve({ limits, key: () => undefined as never, onError: 'closed' })
    const { status, body } = await closed.get()
    expect([status, body]).toEqual([
      500,
      'TypeError: key must return a string, number or bigint, or null for no limit; it returned undefined',
    ])
  })

  it('lets requests through that are not limited: key null, skip, allow', async () => {
    const limits = { a: { max: 1, windowMs: 60_000 } }
    const truthy = { skip: ({ headers }: IncomingMessage) => headers.host as never }
    for (const options of [
      { key: () => null },
      { skip: () => true },
      truthy,
      { allow: ['10.0.0.0/8', '127.0.0.0/8'] },
    ]) {
      const { get } = await serve({ limits, ...options })
      expect([(await get()).status, (await get()).status]).toEqual([200, 200])
    }
  })

  it('limits requests of which skip says later whether they are not', async () => {
    for (const [skips, second] of [
      [true, 200],
      [false, 429],
    ] as const) {
      const { get } = await serve({ max: 1, windowMs: 60_000, skip: () => Promise.resolve(skips) })
      expect([(await get()).status, (await get()).status]).toEqual([200, second])
    }
  })

  it('limits clients without an address together, and throws for none', () => {
    const limit = connectLimit({ limits: { a: { max: 1, windowMs: 60_000 } } })
    const passed: unknown[] = []
    const response = {
      statusCode: 200,
      headersSent: false,
      writableFinished: true,
      getHeader: () => undefined,
      setHeader: () => undefined,
      end: () => undefined,
      once: () => undefined,
    }
    for (const socket of [{ remoteAddress: undefined }, null, undefined])
      limit({ headers: {}, ...(socket === undefined ? {} : { socket }) }, { ...response }, (error) =>
        passed.push(error),
      )
    expect(passed).toEqual([undefined])
  })

  it('appends to the header fields of another limiter, and hands the answer to `refuse`', async () => {
    const outer = connectLimit({ limits: { daily: { max: 10, windowMs: 86_400_000 } } })
    const inner = connectLimit({
      limits: { burst: { max: 1, windowMs: 1000 } },
      statusCode: 503,
      refuse: (_, decision, response) => response.end(`wait ${decision.retryAfterMs > 0}`),
    })
    const server = createServer((request, response) =>
      outer(request, response, () => inner(request, response, () => response.end('ok'))),
    )
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const first = await fetch(origin)
    expect(first.headers.get('ratelimit-policy')).toBe('"daily";q=10;w=86400, "burst";q=1;w=1')
    expect(first.headers.get('ratelimit')).toBe('"daily";r=9;t=86400, "burst";r=0;t=1')
    const second = await fetch(origin)
    expect([second.status, await second.text()]).toEqual([503, 'wait true'])
  })

  it('gives what `refuse` throws to the next handler, at once or later', async () => {
    for (const refuse of [() => bad(), () => Promise.resolve().then(bad)]) {
      const { get } = await serve({ limits: { a: { max: 1, windowMs: 60_000 } }, refuse })
      await get()
      expect((await get()).body).toBe('Error: no template')
    }
    // Without an error a request would go on.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as a program may
    const { get } = await serve({ limits: { a: { max: 1, windowMs: 60_000 } }, refuse: () => Promise.reject() })
    await get()
    expect((await get()).body).toBe('Error: a function of the limit has failed, without an error')
    function bad(): never {
      throw new Error('no template')
    }
  })

  it('warns of X-Forwarded-For that nobody trusts, and counts by the socket', async () => {
    const warned = warning()
    const { get } = await serve({ limits: { a: { max: 1, windowMs: 60_000 } } })
    expect((await get('/', { 'x-forwarded-for': '1.2.3.4' })).status).toBe(200)
    expect((await get('/', { 'x-forwarded-for': '5.6.7.8' })).status).toBe(429)
    expect(await warned).toMatchObject({ code: 'AMORSIZE_HTTP_PROXY_IGNORED' })
  })
})

describe('limits', () => {
  it.each([
    [30, 2, ['r=1;t=1', 'r=0;t=0']],
    [1, 2, ['r=1;t=1', 'r=0;t=1']],
    [0.1, 2, ['r=1;t=10', 'r=0;t=10']],
  ])(
    'of an empty bucket of %d per second tell when the next request fits',
    async (requestsPerSecond, burstSize, told) => {
      const { get } = web({ limits: { a: { requestsPerSecond, burstSize } } })
      for (const state of told) expect((await get()).headers.get('ratelimit')).toBe(`"a";${state}`)
    },
  )

  it('are all or nothing: what one refuses is charged in none', async () => {
    const { get, clock } = web({
      limits: {
        burst: { requestsPerSecond: 1, burstSize: 3 },
        daily: { max: 2, windowMs: 60_000 },
        other: { max: 9, windowMs: 60_000 },
      },
    })
    await get()
    await get()
    const refused = await get()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit')).toBe('"burst";r=1;t=2, "daily";r=0;t=60, "other";r=7;t=60')
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(((await refused.json()) as Record<string, unknown>)['violated-policies']).toEqual(['daily'])
    await clock.advance(60_000)
    expect((await get()).headers.get('ratelimit')).toBe('"burst";r=2;t=1, "daily";r=1;t=60, "other";r=8;t=60')
  })

  it('take what a request costs; 0 is free, and more than there can be is refused', async () => {
    const cost = (request: Request) => Number(request.headers.get('x-cost'))
    const { get } = web({
      limits: { work: { max: 10, windowMs: 60_000, cost }, rate: { requestsPerSecond: 10, burstSize: 10, cost } },
    })
    const ask = async (n: number) => (await get('/', { headers: { 'x-cost': String(n) } })).status
    expect([await ask(7), await ask(4), await ask(3), await ask(0), await ask(1)]).toEqual([200, 429, 200, 200, 429])
    expect(await ask(11)).toBe(429)
  })

  it('may come with the request', async () => {
    const { get } = web({
      limits: { plan: { max: (request) => (request.headers.get('x-plan') === 'pro' ? 2 : 1), windowMs: 60_000 } },
    })
    const ask = async (plan: string) => (await get(`/${plan}`, { headers: { 'x-plan': plan } })).status
    expect([await ask('free'), await ask('free'), await ask('pro'), await ask('pro'), await ask('pro')]).toEqual([
      200, 429, 200, 200, 429,
    ])
  })

  it('ban a key after n refusals in a window, for one window, with 403', async () => {
    const { statuses, get, clock } = web({ limits: { a: { max: 1, windowMs: 10_000, banAfter: 2 } } })
    expect(await statuses('/', '/', '/')).toEqual([200, 429, 429])
    const banned = await get()
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([403, '10'])
    await clock.advance(9999)
    expect(await statuses('/', '/other')).toEqual([403, 200])
    await clock.advance(1)
    expect(await statuses('/')).toEqual([200])
  })

  it('keep those who are refused or banned when more come than there is room for', async () => {
    const { statuses, clock } = web({ capacity: 310, limits: { a: { max: 3, windowMs: 60_000, banAfter: 2 } } })
    const paths = (kind: string, count: number) => Array.from({ length: count }, (_, n) => `/${kind}-${n}`)
    const times = (count: number, kind: string, of: number) =>
      Array.from({ length: count }, () => paths(kind, of)).flat()
    await statuses(...times(3, 'used-up', 10), ...times(4, 'refused', 10), ...times(5, 'banned', 10))
    await clock.advance(1000)
    await statuses(...times(2, 'other', 1000))
    for (const [kind, status] of [
      ['used-up', 429],
      ['refused', 429],
      ['banned', 403],
    ] as const)
      expect(await statuses(...paths(kind, 10)), kind).toEqual(Array(10).fill(status))
  })

  it('tell the time of a ban from the refusal on that begins it', async () => {
    const { get, clock } = web({ limits: { a: { max: 1, windowMs: 10_000, banAfter: 2 } } })
    await clock.advance(0.5)
    const told: (string | null)[] = []
    for (let n = 0; n < 4; n++) {
      const { status, headers } = await get()
      told.push(`${status} ${headers.get('retry-after')} ${headers.get('ratelimit')}`)
      await clock.advance(n === 0 ? 7001 : 0)
    }
    expect(told).toEqual(['200 null "a";r=0;t=10', '429 3 "a";r=0;t=3', '429 10 "a";r=0;t=10', '403 10 "a";r=0;t=10'])
  })

  it('count what leads to a ban apart from every other limit, whatever that is called', async () => {
    const login = { max: 1, windowMs: 10_000, banAfter: 2 }
    for (const other of ['login bans', 'login%bans', 'other']) {
      const name = `http-limit bans ${other} ${process.pid}`
      const { statuses } = web({ name, limits: { login, [other]: { max: 100, windowMs: 10_000 } } })
      expect(await statuses('/', '/', '/', '/'), other).toEqual([200, 429, 429, 403])
    }
  })

  it('refuse nothing in a dry run, tell the client nothing, and count', async () => {
    const { get, handler } = web({ limits: { a: { max: 1, windowMs: 10_000, banAfter: 1 } }, dryRun: true })
    const responses = [await get(), await get(), await get()]
    expect(responses.map(({ status, headers }) => [status, headers.get('ratelimit')])).toEqual(
      Array(3).fill([200, null]),
    )
    expect(handler.stats()).toEqual({ allowed: 1, refused: 2, failed: 0 })
  })

  it.each([
    [
      'draft-10',
      { 'ratelimit-policy': '"burst";q=4;w=2, "daily";q=3;w=60', ratelimit: '"burst";r=3;t=1, "daily";r=2;t=60' },
    ],
    ['draft-7', { 'ratelimit-policy': '3;w=60', ratelimit: 'limit=3, remaining=2, reset=60' }],
    ['draft-6', { 'ratelimit-limit': '3', 'ratelimit-remaining': '2', 'ratelimit-reset': '60' }],
    ['legacy', { 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '2' }],
  ] as const)('tell where they stand in %s', async (headers, expected) => {
    const { get } = web({
      headers,
      limits: { burst: { requestsPerSecond: 2, burstSize: 4 }, daily: { max: 3, windowMs: 60_000 } },
    })
    const response = await get()
    expect(Object.fromEntries(response.headers)).toMatchObject(expected)
    if (headers === 'legacy') {
      const reset = Number(response.headers.get('x-ratelimit-reset'))
      expect(reset).toBeGreaterThan(Date.now() / 1000 + 30)
      expect(reset).toBeLessThan(Date.now() / 1000 + 90)
    }
  })

  it('tell only when little is left, or nothing, where that is asked', async () => {
    const told = async (headersWhen: 'low' | 'refused') => {
      const { get } = web({ headersWhen, limits: { a: { max: 4, windowMs: 60_000 } } })
      const seen = []
      for (let i = 0; i < 5; i++) seen.push((await get()).headers.get('ratelimit') !== null)
      return seen
    }
    expect(await told('low')).toEqual([false, false, false, true, true])
    expect(await told('refused')).toEqual([false, false, false, false, true])
  })

  it('keep the counts of a name apart from those of another, whatever it holds', async () => {
    const name = `http-limit/${process.pid}/%2f`
    const limits = { 'a/b': { max: 1, windowMs: 60_000 } }
    const one = web({ name, limits })
    const two = web({ name, limits })
    expect([(await one.get()).status, (await two.get()).status]).toEqual([200, 200])
    const real = { clock: undefined }
    const [three, four, other] = [
      web({ name, limits, ...real }),
      web({ name, limits, ...real }),
      web({ name: name.replace('%2f', '/'), limits, ...real }),
    ]
    expect([(await three.get()).status, (await four.get()).status, (await other.get()).status]).toEqual([200, 429, 200])
  })

  it('of one name with other numbers are an error, or a warning where only hits bring them', async () => {
    const name = `http-limit ${process.pid}`
    web({ name, clock: undefined, limits: { rate: { requestsPerSecond: 1 }, window: { max: 1, windowMs: 1000 } } })
    expect(() => web({ name, clock: undefined, limits: { rate: { requestsPerSecond: 2 } } })).toThrow(
      'requestsPerSecond',
    )
    const warned = warning()
    web({ name, clock: undefined, limits: { window: { max: 2, windowMs: 1000 } } })
    expect(await warned).toMatchObject({ code: 'AMORSIZE_HTTP_NAME_REUSED' })
  })

  it('are refused with what is wrong', () => {
    const limits = { a: { max: 1, windowMs: 1000 } }
    const bad = (options: object) => () => connectLimit(options as ConnectLimitOptions<IncomingMessage>)
    expect(bad({})).toThrow(
      'limits must be an object that holds each limit by its name, such as { burst: { requestsPerSecond: 5 } }; received undefined',
    )
    expect(bad({ limits: {} })).toThrow('limits must hold at least one limit; received none')
    expect(bad({ limits: { a: { max: 1, windowMs: 1, requestsPerSecond: 1 } } })).toThrow(
      'limits.a must have requestsPerSecond, max with windowMs, or maxConcurrent; received requestsPerSecond, max',
    )
    expect(bad({ limits: { a: {} } })).toThrow(
      'limits.a must have requestsPerSecond, max with windowMs, or maxConcurrent; received none',
    )
    expect(bad({ limits: { a: { rps: 5 } } })).toThrow('received rps')
    expect(bad({ limits: { requestsPerSecond: 5 } })).toThrow(
      'limits.requestsPerSecond must be a limit, as in limits: { burst: { requestsPerSecond: 5 } }; received 5 (number)',
    )
    expect(bad({ limits: { a: { max: 0, windowMs: 1 } } })).toThrow(
      'limits.a.max must be an integer >= 1 and <= 1048574; received 0 (number)',
    )
    expect(bad({ limits: { a: { requestsPerSecond: 0 } } })).toThrow(
      'limits.a.requestsPerSecond must be a finite number > 0',
    )
    expect(bad({ limits: { a: { requestsPerSecond: 5, cost: 6 } } })).toThrow(
      'limits.a.cost must be a finite number >= 0 and <= 5; received 6 (number)',
    )
    expect(bad({ limits: { a: { max: 5, windowMs: 1, cost: 6 } } })).toThrow(
      'limits.a.cost must be an integer >= 0 and <= 5; received 6 (number)',
    )
    expect(bad({ limits: { ä: { max: 1, windowMs: 1 } } })).toThrow('the name of a limit must be printable ASCII')
    connectLimit({ limits: { ['n'.repeat(64)]: limits.a } })
    expect(bad({ limits: { ['n'.repeat(65)]: limits.a } })).toThrow(
      `limits must have names of at most 64 characters; received "${'n'.repeat(57)}..." (string) with 65`,
    )
    expect(bad({ limits, headers: 'draft-8' })).toThrow(
      `headers must be one of 'draft-10', 'draft-7', 'draft-6', 'legacy'; received "draft-8" (string)`,
    )
    expect(bad({ limits, allow: ['10.0.0.0/33'] })).toThrow(
      'allow must hold addresses and networks such as \'10.0.0.0/8\'; received "10.0.0.0/33" (string)',
    )
    expect(bad({ limits, allow: '10.0.0.0/8' })).toThrow('allow must be an array of networks')
    expect(bad({ limits, burst: 1 })).toThrow("unknown connectLimit option 'burst'")
    expect(bad({ limits, statusCode: 200 })).toThrow('statusCode must be an integer >= 400 and <= 599')
    expect(() => webLimit({ limits }, () => new Response())).toThrow('key must be a function; received undefined')
  })
})

describe('webLimit', () => {
  it('adds header fields to responses that cannot be changed, and hands on what else it is given', async () => {
    const limit = webLimit(
      { limits: { a: { max: 1, windowMs: 1000 } }, key: () => 'all', refuse: () => Response.error() },
      (_, extra: number) => {
        expect(extra).toBe(7)
        return Response.redirect('http://example.org/', 302)
      },
    )
    const response = await limit(new Request('http://example.org'), 7)
    expect([response.status, response.headers.get('ratelimit'), response.headers.get('location')]).toEqual([
      302,
      '"a";r=0;t=1',
      'http://example.org/',
    ])
  })

  it('asks for the key with all that the handler gets, where frameworks put the address', async () => {
    const limits = { a: { max: 1, windowMs: 1000 } }
    const key = (_: Request, info: { address: string }): string => info.address
    const limit = webLimit({ limits, key }, (_, info: { address: string }) => new Response(info.address))
    const status = async (address: string): Promise<number> =>
      (await limit(new Request('http://example.org'), { address })).status
    expect([await status('a'), await status('b'), await status('a')]).toEqual([200, 200, 429])
  })

  it('leaves a response without a body alone, which may be the answer to every request', async () => {
    const [done, busy] = [new Response(null, { status: 204 }), new Response(null, { status: 429 })]
    const clock = new FakeClock()
    const key = ({ url }: Request): string => url
    const limits = { a: { max: 1, windowMs: 60_000 } }
    const limit = webLimit({ limits, key, clock, refuse: () => busy }, () => done)
    const get = async (path: string) => (await limit(new Request(`http://example.org${path}`))).headers
    for (const path of ['/1', '/2']) expect((await get(path)).get('ratelimit')).toBe('"a";r=0;t=60')
    expect((await get('/1')).get('retry-after')).toBe('60')
    await clock.advance(50_000)
    const refused = await get('/1')
    expect([refused.get('retry-after'), refused.get('ratelimit')]).toEqual(['10', '"a";r=0;t=10'])
    expect([...done.headers, ...busy.headers]).toEqual([])
  })

  it('gives the charge back for what countIf says of a handler that throws', async () => {
    const seen: number[] = []
    const limit = webLimit(
      {
        limits: { a: { max: 1, windowMs: 1000 } },
        key: () => 'all',
        countIf: (_, status) => (seen.push(status), false),
      },
      () => Promise.reject(new Error('broken')),
    )
    for (let i = 0; i < 3; i++) await expect(limit(new Request('http://example.org'))).rejects.toThrow('broken')
    expect(seen).toEqual([500, 500, 500])
  })

  it('counts a request whose countIf answers later, since nobody can wait for it', async () => {
    const countIf = (() => Promise.resolve(false)) as unknown as () => boolean
    const limits = { a: { max: 1, windowMs: 1000 } }
    const limit = webLimit({ limits, key: () => 'all', countIf }, () => new Response('ok'))
    const status = async (): Promise<number> => (await limit(new Request('http://example.org'))).status
    expect([await status(), await status()]).toEqual([200, 429])
  })
})

describe('ipKey', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['2001:db8:1:2ff:3::1', '2001:db8:1:200::/56'],
    ['2001:0DB8:0001:02FF::', '2001:db8:1:200::/56'],
    ['::1', '::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
    ['nonsense', 'nonsense'],
    ['a:b', 'a:b'],
  ])('of %s is %s', (ip, key) => {
    expect(ipKey(ip)).toBe(key)
  })

  it('is one for all addresses of a network, and another for the next network', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
    const write = (parts: number[]) => parts.map((part) => part.toString(16)).join(':')
    // The URL parser writes an address in its canonical, shortest form.
    const short = (parts: number[]) => new URL(`http://[${write(parts)}]`).hostname.slice(1, -1)
    const bitsOf = (parts: number[]) => parts.map((part) => part.toString(2).padStart(16, '0')).join('')
    fc.assert(
      fc.property(groups, groups, fc.integer({ min: 1, max: 128 }), (one, other, prefix) => {
        fc.pre(!/^::ffff:/.test(short(one)) && !/^::ffff:/.test(short(other)))
        expect(ipKey(short(one), prefix)).toBe(ipKey(write(one).toUpperCase(), prefix))
        const same = bitsOf(one).slice(0, prefix) === bitsOf(other).slice(0, prefix)
        expect(ipKey(write(one), prefix) === ipKey(write(other), prefix)).toBe(same)
        const neighbour = one.map((group, n) => (n === 7 ? group ^ 1 : group))
        expect(ipKey(write(one), prefix) === ipKey(write(neighbour), prefix)).toBe(prefix < 128)
      }),
    )
    expect(() => ipKey('::1', 0)).toThrow('prefix must be an integer >= 1 and <= 128; received 0 (number)')
  })

  it('is warned of where a key is a whole address', async () => {
    const warned = warning()
    await web({ limits: { a: { max: 1, windowMs: 1000 } }, key: () => '2001:db8::1' }).get()
    expect(await warned).toMatchObject({ code: 'AMORSIZE_HTTP_KEY_IPV6' })
  })
})
