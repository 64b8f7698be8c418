import {
  connectLimit,
  type ConnectLimitOptions,
  type ConnectRequest,
  expressStore,
  honoLimit,
  ipKey,
  shed,
  webLimit,
  type WebLimitOptions,
} from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { machineName } from '../../support/machine.js'
import { itWithAddon } from '../../support/native.js'

const windowMs = 60_000
const ask = (path = '/') => new Request(`http://example.org${path}`)

/** A handler by path on a fake clock; `/slow` answers when `release` is called. */
function served(options: Omit<WebLimitOptions, 'key'>) {
  const clock = new FakeClock()
  const waiting: (() => void)[] = []
  const answer = webLimit({ clock, key: () => 'all', ...options }, async (request) => {
    if (!request.url.endsWith('/slow')) return new Response('no', { status: 401 })
    await new Promise<void>((resolve) => waiting.push(resolve))
    return new Response('ok')
  })
  return { clock, answer, release: () => waiting.shift()?.() }
}

describe('countIf', () => {
  const countIf = (_: unknown, status: number) => status === 401

  it('gives nothing back to a window that the request was not counted in', async () => {
    const { clock, answer, release } = served({ limits: { login: { max: 2, windowMs } }, countIf })
    const slow = [answer(ask('/slow')), answer(ask('/slow'))]
    await clock.advance(windowMs)
    const guess = async () => (await answer(ask('/guess'))).status
    expect([await guess(), await guess()]).toEqual([401, 401])
    release()
    release()
    await Promise.all(slow)
    expect(await guess()).toBe(429)
  })

  it('gives back what each limit still has of the request', async () => {
    const limits = { second: { max: 2, windowMs: 1000 }, minute: { max: 2, windowMs } }
    const { clock, answer, release } = served({ limits, countIf })
    const slow = answer(ask('/slow'))
    await clock.advance(1000)
    const guess = async () => (await answer(ask('/guess'))).headers.get('ratelimit')
    expect(await guess()).toBe('"second";r=1;t=1, "minute";r=0;t=59')
    release()
    await slow
    expect(await guess()).toBe('"second";r=0;t=1, "minute";r=0;t=59')
  })
})

it('countIf is told of a handler of Hono that threw what is no error, as status 500', async () => {
  const seen: number[] = []
  const limits = { a: { max: 1, windowMs } }
  const app = new Hono()
  app.use(honoLimit({ limits, key: () => 'all', countIf: (_, status) => (seen.push(status), false) }))
  app.get('/', () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- Hono hands on what is none
    throw 'no'
  })
  for (let i = 0; i < 3; i++) await expect(Promise.resolve(app.request('/'))).rejects.toBe('no')
  expect(seen).toEqual([500, 500, 500])
})

describe('countIf on a bucket', () => {
  const countIf = (_: unknown, status: number) => status === 401

  /** Ten slow requests that do not count hold the burst of a bucket for `slowMs`; then guesses, before and after they give it back. */
  async function guesses(slowMs: number, given: 'at once' | 'one by one') {
    const limits = { bucket: { requestsPerSecond: 10, burstSize: 10 } }
    const { clock, answer, release } = served({ limits, countIf })
    const slow = Array.from({ length: 10 }, () => answer(ask('/slow')))
    await clock.advance(slowMs)
    const guess = async () => {
      for (let n = 0; ; n++) if ((await answer(ask('/guess'))).status === 429) return n
    }
    const before = await guess()
    let after = 0
    for (let n = 0; n < 10; n++) {
      release()
      await clock.advance(0)
      if (given === 'one by one') after += await guess()
    }
    await Promise.all(slow)
    return { before, after: after + (await guess()) }
  }

  it('never fills it beyond the burst', async () => {
    const { answer, clock, release } = served({ limits: { bucket: { requestsPerSecond: 10, burstSize: 10 } }, countIf })
    const slow = Array.from({ length: 10 }, () => answer(ask('/slow')))
    await clock.advance(600)
    for (let n = 0; n < 10; n++) release()
    await Promise.all(slow)
    let admitted = 0
    while ((await answer(ask('/guess'))).status !== 429) admitted++
    expect(admitted).toBe(10)
  })

  it('gives back also what has been produced again meanwhile: the burst, and as many as were given back', async () => {
    expect(await guesses(0, 'at once')).toEqual({ before: 0, after: 10 })
    // Ten are there again, are used, and then come ten that were used before.
    expect(await guesses(1000, 'at once')).toEqual({ before: 10, after: 10 })
    expect(await guesses(1000, 'one by one')).toEqual({ before: 10, after: 10 })
  })
})

describe("onFull: 'deny'", () => {
  it('tells a key without room to come back when there is some, and that it has nothing left', async () => {
    for (const limit of [
      { max: 5, windowMs },
      { max: 5, windowMs, cost: 2 },
    ]) {
      const clock = new FakeClock()
      const limits = { a: limit, b: { max: 9, windowMs } }
      const key = (request: Request) => new URL(request.url).pathname
      const answer = webLimit({ clock, capacity: 1, onFull: 'deny', limits, key }, () => new Response())
      const seen: Response[] = []
      for (let n = 0; n < 99; n++) seen.push(await answer(ask(`/${n}`)))
      const refused = seen.at(-1)
      expect(refused?.status).toBe(429)
      expect(refused?.headers.get('retry-after')).toBe('60')
      expect(refused?.headers.get('ratelimit')).toMatch(/^"a";r=0;t=60/)
    }
  })
})

describe('a Response that can neither be changed nor copied, as that of a WebSocket in Deno', () => {
  const limits = { a: { max: 1, windowMs } }

  it('passes webLimit as it is', async () => {
    const response = Response.error()
    expect(await webLimit({ limits, key: () => 'all' }, () => response)(ask())).toBe(response)
  })

  it('passes honoLimit as it is', async () => {
    const app = new Hono()
    const response = Response.error()
    app.use(honoLimit({ limits, key: () => 'all' }))
    app.get('/', () => response)
    expect(await app.request('/')).toBe(response)
  })

  it('passes shed.hono as it is', async () => {
    const app = new Hono()
    const response = Response.error()
    const middleware = shed.hono()
    app.use(middleware)
    app.get('/', () => response)
    expect(await app.request('/')).toBe(response)
    expect(middleware.stats().running).toBe(0)
  })
})

it('honoLimit leaves a response without a body alone, which may be the answer to every request', async () => {
  const app = new Hono()
  const [done, busy] = [new Response(null, { status: 204 }), new Response(null, { status: 429 })]
  const key = ({ req }: { req: { path: string } }): string => req.path
  app.use(honoLimit({ limits: { a: { max: 1, windowMs } }, key, refuse: () => busy }))
  app.get('/*', () => done)
  for (const path of ['/1', '/2'])
    for (const status of [204, 429]) {
      const answer = await app.request(path)
      expect([answer.status, answer.headers.get('ratelimit')]).toEqual([status, '"a";r=0;t=60'])
    }
  expect([...done.headers, ...busy.headers]).toEqual([])
})

describe('the key', () => {
  it.each([
    ['1.2.3.4:5678', '1.2.3.4'],
    ['[2001:db8:0:1ff::1]:443', '2001:db8:0:100::/56'],
    ['[2001:db8:0:1ff::1]', '2001:db8:0:100::/56'],
    ['[::ffff:1.2.3.4]:80', '1.2.3.4'],
    ['[1.2.3:4', '[1.2.3:4'],
    ['1.2.3:4', '1.2.3:4'],
    ['[:]:1', '[:]:1'],
  ])('of %s, as a proxy may write it, is %s', (ip, key) => {
    expect(ipKey(ip)).toBe(key)
  })

  it('is found among the addresses that are allowed with a port, too', () => {
    const limit = connectLimit({ limits: { a: { max: 1, windowMs } }, allow: ['10.0.0.0/8', '2001:db8::/32'] })
    for (const ip of ['10.1.2.3:4567', '[2001:db8::1]:443']) limit({ headers: {}, ip }, {} as never, () => undefined)
    expect(limit.stats()).toEqual({ allowed: 0, refused: 0, failed: 0 })
  })

  it('counts by its first 65,536 characters, so that a longer one does not escape', async () => {
    const answer = webLimit(
      { limits: { a: { max: 1, windowMs } }, key: () => 'k'.repeat(70_000) },
      () => new Response(),
    )
    expect([(await answer(ask())).status, (await answer(ask())).status]).toEqual([200, 429])
  })
})

it('warns of a server whose clients have no address, so that one limit holds for all of them', async () => {
  const codes: unknown[] = []
  const note = (warning: Error & { code?: string }) => codes.push(warning.code)
  process.on('warning', note)
  const app = new Hono()
  app.use(honoLimit({ limits: { a: { max: 1, windowMs } } }))
  app.get('/', (c) => c.text('ok'))
  expect([(await app.request('/')).status, (await app.request('/')).status]).toEqual([200, 429])
  await expect.poll(() => codes).toContain('AMORSIZE_HTTP_NO_ADDRESS')
  process.off('warning', note)
})

describe('a name', () => {
  itWithAddon('may have 200 characters of any kind, and two stay two', async () => {
    // As many characters in each run: 200 are never half of a pair too many.
    const run = machineName().padEnd(20, '-')
    for (const character of ['/', '%', 'é', '😀']) {
      const name = (run + character.repeat(200)).slice(0, 200)
      const limits = { 'a limit of some length': { max: 1, windowMs } }
      const made = (own: string) =>
        webLimit({ name: own, scope: 'machine', limits, key: () => 'all' }, () => new Response())
      // One that differs only at its end is another.
      const [one, same, other] = [made(name), made(name), made(`${name.slice(0, -2)}zz`)]
      expect([(await one(ask())).status, (await same(ask())).status, (await other(ask())).status]).toEqual([
        200, 429, 200,
      ])
      const store = (algorithm: 'window' | 'bucket') => {
        const made = expressStore({ name: `${name.slice(0, -8)}${algorithm}`.slice(-200), scope: 'machine', algorithm })
        made.init({ windowMs, limit: 5 })
        return made
      }
      for (const algorithm of ['window', 'bucket'] as const)
        expect([store(algorithm).increment('k').totalHits, store(algorithm).increment('k').totalHits]).toEqual([1, 2])
    }
    expect(() => expressStore({ name: '/'.repeat(201) })).toThrow(
      'name must be at most 200 characters long; received 201',
    )
  })
})

describe('a function of the options that fails', async () => {
  const fails = {
    throws: (): never => {
      throw new Error('no session')
    },
    'throws nothing': (): never => {
      throw undefined
    },
    'gives undefined': () => undefined as never,
    'gives a promise of undefined': () => Promise.resolve() as never,
    'gives a promise that never settles': () => new Promise(() => undefined) as never,
    'gives a promise that rejects': () => Promise.reject(new Error('no session')) as never,
    'gives NaN': () => NaN as never,
    'gives an object': () => ({ valueOf: () => 1 }) as never,
  } satisfies Record<string, () => never>
  const numbers: Record<string, () => never> = {
    ...fails,
    'gives a negative number': () => -1 as never,
    'gives a number as text': () => '1' as never,
    'gives null': () => null as never,
  }
  const keys = { ...fails, 'gives a bigint that is too large': () => (1n << 9000n) as never }
  const every = (option: string, functions: Record<string, () => never>) =>
    Object.entries(functions).map(([how, fail]) => [option, how, fail] as const)

  /** A middleware, the outcome of a request of an address, and a key that nobody shares. */
  function asked(options: Partial<ConnectLimitOptions<ConnectRequest>>) {
    const clock = new FakeClock()
    const limit = connectLimit({ clock, limits: { a: { max: 2, windowMs } }, ...options })
    const response = {
      statusCode: 200,
      headersSent: false,
      writableFinished: true,
      getHeader: () => undefined,
      setHeader: () => undefined,
      end: () => undefined,
      once: () => undefined,
    }
    const ask = (ip?: string): Promise<unknown> =>
      new Promise((resolve) => {
        const own = { ...response, end: () => resolve(own.statusCode) }
        const request = { headers: {}, ...(ip === undefined ? {} : { ip }) }
        limit(request, own, (error: unknown) => resolve(error ?? 'admitted'))
        // What never settles is waited for so long.
        void clock.advance(2000)
      })
    return { ask, limit, clock }
  }
  let keysMade = 0
  const newKey = (): string => `key ${keysMade++}`

  it.each([
    ...every('key', keys),
    ...every('skip', { throws: fails.throws, 'never settles': fails['gives a promise that never settles'] }),
  ])('%s %s: charges the address, and no other', async (option, _, fail) => {
    const { ask, limit } = asked({ key: newKey, [option]: fail })
    expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1'), ask('1.1.1.1'), ask('2.2.2.2')])).toEqual([
      'admitted',
      'admitted',
      429,
      'admitted',
    ])
    expect(limit.stats()).toEqual({ allowed: 3, refused: 1, failed: 4 })
  })

  it.each(every('cost', numbers))('%s %s: charges the address 1, in windows and buckets', async (_, __, cost) => {
    for (const limit of [
      { max: 2, windowMs, cost },
      { requestsPerSecond: 0.001, burstSize: 2, cost },
    ]) {
      const { ask } = asked({ key: newKey, limits: { first: { max: 99, windowMs }, a: limit } })
      expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1'), ask('1.1.1.1'), ask('2.2.2.2')])).toEqual([
        'admitted',
        'admitted',
        429,
        'admitted',
      ])
    }
  })

  it.each(every('max', numbers))('%s %s: has room for one request of the address', async (_, __, max) => {
    for (const cost of [1, 5]) {
      const { ask } = asked({ key: newKey, limits: { a: { max, windowMs, cost } } })
      expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1'), ask('2.2.2.2')])).toEqual(['admitted', 429, 'admitted'])
    }
  })

  it('charges one key for all requests without an address, also where their framework fails to find it', async () => {
    const { ask, limit } = asked({ key: fails.throws })
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['admitted', 'admitted', 429])
    const request = {
      headers: {},
      get ip(): string {
        throw new Error('X-Forwarded-For is garbage')
      },
    }
    for (const options of [{}, { key: fails.throws }, { key: newKey, allow: ['10.0.0.0/8'] }]) {
      const other = connectLimit({ limits: { a: { max: 2, windowMs } }, ...options })
      let passed = 0
      for (let n = 0; n < 9; n++)
        other(request, { end: () => 0, setHeader: () => 0, getHeader: () => 0 } as never, () => passed++)
      expect([passed, other.stats()]).toEqual([2, { allowed: 2, refused: 7, failed: 9 }])
    }
    expect(limit.stats().failed).toBe(3)
  })

  it('charges what works: the cost of a request whose key fails', async () => {
    const { ask } = asked({ key: fails.throws, limits: { a: { max: 10, windowMs, cost: 5 } } })
    expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1'), ask('1.1.1.1')])).toEqual(['admitted', 'admitted', 429])
  })

  it('refuses a cost that no limit ever has room for, which is no failure', async () => {
    for (const limit of [
      { max: 2, windowMs },
      { requestsPerSecond: 1, burstSize: 2 },
    ]) {
      const { ask, limit: made } = asked({ limits: { a: { ...limit, cost: () => 2 ** 40 } } })
      expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1')])).toEqual([429, 429])
      expect(made.stats()).toEqual({ allowed: 0, refused: 2, failed: 0 })
    }
  })

  it('limits no address that `allow` has, and leaves no ban', async () => {
    const { ask } = asked({ skip: fails.throws, allow: ['10.0.0.0/8'] })
    expect(await Promise.all([ask('10.0.0.1'), ask('10.0.0.1'), ask('10.0.0.1')])).toEqual([
      'admitted',
      'admitted',
      'admitted',
    ])
    let isFailing = false
    const cost = (): number => (isFailing ? NaN : 1)
    const banned = asked({ key: () => 'account', limits: { a: { max: 1, windowMs, banAfter: 1, cost } } })
    expect(await Promise.all([banned.ask('1.1.1.1'), banned.ask('1.1.1.1')])).toEqual(['admitted', 429])
    isFailing = true
    expect(await Promise.all([banned.ask('1.1.1.1'), banned.ask('2.2.2.2')])).toEqual([403, 403])
  })

  it("fails the request with that error where `onError` is 'closed', and null from key is no limit still", async () => {
    const { ask } = asked({ key: fails.throws, onError: 'closed' })
    expect(await ask('1.1.1.1')).toMatchObject({ message: 'no session' })
    const free = asked({ key: () => null })
    expect(await Promise.all([free.ask('1.1.1.1'), free.ask('1.1.1.1'), free.ask('1.1.1.1')])).toEqual([
      'admitted',
      'admitted',
      'admitted',
    ])
    expect(free.limit.stats()).toEqual({ allowed: 0, refused: 0, failed: 0 })
  })

  it('admits a request with `onError: open` if the store fails, here for want of a clock', async () => {
    const { ask, limit, clock } = asked({ limits: { a: { requestsPerSecond: 1 } } })
    clock.now = fails.throws
    expect(await Promise.all([ask('1.1.1.1'), ask('1.1.1.1')])).toEqual(['admitted', 'admitted'])
    expect(limit.stats()).toEqual({ allowed: 0, refused: 0, failed: 2 })
  })
})

it('a function of the options that gives a promise, which is none, does not end the process when that rejects', async () => {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  const fails = (): never => Promise.reject(new Error('no session')) as never
  const key = () => 'all'
  const one = { a: { max: 1, windowMs } }
  const answers = [
    webLimit({ key: fails, limits: one }, () => new Response('ok')),
    webLimit({ key, skip: fails, limits: one }, () => new Response('ok')),
    webLimit({ key, countIf: fails, limits: one }, () => new Response('ok')),
    ...[
      { requestsPerSecond: 0.001, burstSize: 1, cost: fails },
      { max: 1, windowMs, cost: fails },
      { max: fails, windowMs },
    ].map((a) => webLimit({ key, limits: { a } }, () => new Response('ok'))),
  ]
  for (const answer of answers) expect([(await answer(ask())).status, (await answer(ask())).status]).toEqual([200, 429])
  expect((await shed.web({ priority: fails }, () => new Response('ok'))(ask())).status).toBe(200)
  await new Promise(setImmediate)
  process.off('unhandledRejection', hear)
  expect(unhandled).toEqual([])
})

describe('what a handler returns', () => {
  it('must be a response, and the error says what came', async () => {
    const limits = { a: { requestsPerSecond: 1, burstSize: 1 } }
    const [none, text] = [undefined, 'a body'] as unknown[] as Response[]
    const limited = webLimit({ limits, key: () => 'all', refuse: () => text! }, () => none!)
    await expect(limited(ask())).rejects.toThrow('the handler of webLimit must return a Response; received undefined')
    await expect(limited(ask())).rejects.toThrow('refuse must return a Response; received "a body" (string)')
    const shedding = shed.web({ maxConcurrent: 1 }, () => text!)
    await expect(shedding(ask())).rejects.toThrow(
      'the handler of shed.web must return a Response; received "a body" (s',
    )
    expect(shedding.stats().running).toBe(0)
  })
})
