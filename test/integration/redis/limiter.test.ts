import { RateLimitExceeded } from 'amorsize'
import { type RedisClient, RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'
import { clientMakers as makers } from '../../support/redis-clients.js'
import { TestServer } from '../../support/redis-server.js'

const pairs = servers.flatMap((kind) => Object.keys(makers).map((maker) => [maker, kind] as const))
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(servers.length === 0)('RedisRateLimiter (needs redis-server or valkey-server)', () => {
  const { running, connected, fresh } = limitsOverRedis('test')

  describe.each(pairs)('%s on %s', (maker, kind) => {
    it('holds one limit for several objects, in both modes', async () => {
      const { client } = await connected(kind, maker)
      for (const mode of ['exact', 'lease'] as const) {
        const name = fresh()
        const limiters = [1, 2, 3].map(() => new RedisRateLimiter(client, { ...still, name, mode }))
        let allowed = 0
        for (let i = 0; i < 12; i++) for (const limiter of limiters) if (await limiter.tryAcquire()) allowed++
        expect(allowed).toBe(10)
        const last = await limiters[0]!.decide()
        expect(last).toMatchObject({ allowed: false, source: 'redis', remaining: 0 })
        expect(last.waitMs).toBeGreaterThan(900_000)
        expect(last.waitMs).toBeLessThanOrEqual(1_000_000)
        for (const limiter of limiters) limiter.close()
      }
    })

    it('goes on when the server has forgotten the script', async () => {
      const { client, command } = await connected(kind, maker)
      const limiter = new RedisRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
      expect(await limiter.decide(4)).toEqual({ allowed: true, waitMs: 0, remaining: 6, source: 'redis' })
      await command('SCRIPT', 'FLUSH')
      expect(await limiter.decide(4)).toMatchObject({ allowed: true, remaining: 2, source: 'redis' })
      expect(await limiter.decide(4)).toMatchObject({ allowed: false, source: 'redis' })
      // The refusal has taken nothing.
      expect(await limiter.decide(2)).toMatchObject({ allowed: true, remaining: 0 })
      limiter.close()
    })

    it('pauses all objects', async () => {
      const { client } = await connected(kind, maker)
      const options = { ...still, requestsPerSecond: 1000, name: fresh(), mode: 'exact' } as const
      const [one, two] = [new RedisRateLimiter(client, options), new RedisRateLimiter(client, options)]
      expect(await two.tryAcquire()).toBe(true)
      await one.pauseFor(60_000)
      for (const limiter of [one, two]) {
        const { allowed, waitMs } = await limiter.decide()
        expect(allowed).toBe(false)
        expect(waitMs).toBeGreaterThan(50_000)
        limiter.close()
      }
    })
  })

  describe.each(servers)('on %s', (kind) => {
    it('keeps the rate and the order of those who wait', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisRateLimiter(client, {
        name: fresh(),
        requestsPerSecond: 200,
        burstSize: 5,
        timeoutMs: 10_000,
      })
      const order: number[] = []
      const startMs = performance.now()
      await Promise.all(Array.from({ length: 45 }, (_, i) => limiter.acquire().then(() => order.push(i))))
      // 40 of them after the burst, at 200/s.
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(195)
      expect(order).toEqual(Array.from({ length: 45 }, (_, i) => i))
      expect(limiter.stats()).toMatchObject({ allowed: 45, denied: 0, waiting: 0, fallbacks: 0 })
      limiter.close()
    })

    it('ends waits by signal, by time and by close, and takes nothing for them', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisRateLimiter(client, { ...still, name: fresh() })
      for (let i = 0; i < 10; i++) await limiter.acquire()
      await expect(limiter.acquire(1, { maxWaitMs: 1000 })).rejects.toThrow(RateLimitExceeded)
      const abort = new AbortController()
      const waiting = [limiter.acquire(1, { signal: abort.signal }), limiter.acquire()]
      const outcomes = Promise.allSettled(waiting)
      expect((await limiter.decide()).allowed).toBe(false)
      abort.abort('gone')
      limiter.close()
      expect(await outcomes).toMatchObject([
        { status: 'rejected', reason: 'gone' },
        { status: 'rejected', reason: { code: 'ERR_SHARED_MEMORY' } },
      ])
      await expect(limiter.tryAcquire()).rejects.toMatchObject({ reason: 'disposed' })
    })

    it('asks once for all callers of a moment, and less the more it has in hand', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisRateLimiter(client, {
        name: fresh(),
        requestsPerSecond: 1e6,
        burstSize: 100_000,
        timeoutMs: 10_000,
      })
      const decisions = await Promise.all(Array.from({ length: 500 }, () => limiter.tryAcquire()))
      expect(decisions.every(Boolean)).toBe(true)
      expect(limiter.stats().roundTrips).toBe(1)
      for (let i = 0; i < 3000; i++) await limiter.tryAcquire()
      expect(limiter.stats().roundTrips).toBeLessThan(200)
      limiter.close()
    })

    it("takes for calls of one moment what they can use, in mode 'exact' no token more", async () => {
      const { client } = await connected(kind)
      const options = { ...still, name: fresh(), mode: 'exact' } as const
      const [one, other] = [new RedisRateLimiter(client, options), new RedisRateLimiter(client, options)]
      expect(await Promise.all([6, 6].map((tokens) => one.tryAcquire(tokens)))).toEqual([true, false])
      expect(await other.decide(3)).toMatchObject({ allowed: true, remaining: 1, source: 'redis' })
      expect(await one.decide()).toMatchObject({ allowed: true, remaining: 0, source: 'redis' })
      for (const limiter of [one, other]) limiter.close()
      for (const mode of ['exact', 'lease'] as const) {
        const limiter = new RedisRateLimiter(client, { ...options, name: fresh(), mode, leaseSize: 1 })
        expect(await limiter.tryAcquire(6)).toBe(true)
        const [five, ...less] = await Promise.all([5, 1, 9, 1].map((tokens) => limiter.decide(tokens)))
        expect(less.map(({ allowed }) => allowed)).toEqual([true, false, true])
        expect(five).toMatchObject({ allowed: false, source: 'redis' })
        expect(five!.waitMs).toBeGreaterThan(900_000)
        expect(less[1]!.waitMs).toBeGreaterThan(five!.waitMs)
        limiter.close()
      }
    })

    it('never passes the bound, with several limiters at full speed', async () => {
      const { client } = await connected(kind)
      const name = fresh()
      const limit = { name, requestsPerSecond: 500, burstSize: 50, timeoutMs: 10_000 }
      const limiters = Array.from({ length: 4 }, () => new RedisRateLimiter(client, limit))
      const startMs = performance.now()
      let allowed = 0
      await Promise.all(
        limiters.map(async (limiter) => {
          while (performance.now() - startMs < 600) if ((await limiter.decide()).allowed) allowed++
        }),
      )
      const seconds = (performance.now() - startMs) / 1000
      expect(allowed).toBeLessThanOrEqual(50 + 500 * seconds + 4 * 5)
      expect(allowed).toBeGreaterThan(50)
      for (const limiter of limiters) limiter.close()
    })

    it.each([
      ['local', { allowed: true, source: 'fallback' }],
      ['open', { allowed: true, source: 'fallback', remaining: null }],
      ['closed', { allowed: false, source: 'fallback' }],
    ] as const)(
      "answers in time while the server is stopped, onUnavailable: '%s'; then goes on",
      async (onUnavailable, expected) => {
        const server = running.get(kind)!
        const { client } = await connected(kind)
        const limiter = new RedisRateLimiter(client, {
          ...still,
          // More than are asked for here until the connection is there: on a busy machine that takes a while.
          burstSize: 1000,
          name: fresh(),
          onUnavailable,
          timeoutMs: 200,
          mode: 'exact',
        })
        await expect.poll(async () => (await limiter.decide()).source, { timeout: 20_000 }).toBe('redis')
        process.kill(server.pid, 'SIGSTOP')
        try {
          const first = await limiter.decide()
          expect(first).toMatchObject(expected)
          // Nobody waits for what one has waited for in vain.
          const startMs = performance.now()
          for (let i = 0; i < 5; i++) expect((await limiter.decide()).source).toBe('fallback')
          expect(performance.now() - startMs).toBeLessThan(600) // 1000 if each of them did
          if (onUnavailable === 'closed') {
            await expect(limiter.acquire()).rejects.toMatchObject({
              code: 'ERR_RATE_LIMIT_EXCEEDED',
              cause: { code: 'ERR_TIMEOUT_EXCEEDED' },
            })
          }
        } finally {
          process.kill(server.pid, 'SIGCONT')
        }
        await expect.poll(async () => (await limiter.decide()).source, { timeout: 20_000 }).toBe('redis')
        limiter.close()
      },
    )

    it('survives a server that is killed and comes back empty', async () => {
      const server = await TestServer.start(kind)
      const { client, close } = await makers['ioredis']!(server.port)
      try {
        const limiter = new RedisRateLimiter(client, { ...still, name: fresh(), timeoutMs: 300, mode: 'exact' })
        await expect.poll(async () => (await limiter.decide()).source, { timeout: 20_000 }).toBe('redis')
        await server.kill()
        expect(await limiter.decide()).toMatchObject({ source: 'fallback' })
        await server.restart()
        await expect.poll(async () => (await limiter.decide()).source, { timeout: 20_000 }).toBe('redis')
        limiter.close()
      } finally {
        close()
        await server[Symbol.asyncDispose]()
      }
    })

    it('refuses a key that holds something else, and says so as unavailable', async () => {
      const { client, command } = await connected(kind, 'node-redis')
      const name = fresh()
      await command('SET', `rl:{${name}}`, 'not ours')
      const limiter = new RedisRateLimiter(client, { ...still, name, onUnavailable: 'closed' })
      await expect(limiter.acquire()).rejects.toMatchObject({
        cause: { message: expect.stringContaining('holds something else') as string },
      })
      limiter.close()
    })

    it('refuses a handle whose memory is none', async () => {
      const { client } = await connected(kind)
      const one = new RedisRateLimiter(client, { ...still, name: fresh() })
      const keyed = new RedisKeyedRateLimiter(client, { ...still, name: fresh() })
      const none = {} as never
      expect(() => RedisRateLimiter.from({ ...one.share(), purse: none }, client)).toThrow(TypeError)
      expect(() => RedisKeyedRateLimiter.from({ ...keyed.share(), refusals: none }, client)).toThrow(TypeError)
      for (const limiter of [one, keyed]) limiter.close()
    })

    it('does not stop for an hour when the clock of the server was set back', async () => {
      const { client, command } = await connected(kind)
      const name = fresh()
      const farUs = (Date.now() + 3_600_000) * 1000
      await command('SET', `rl:{${name}}`, `${farUs} 0 ${farUs} 500000 1000 0 10000 0`)
      const limiter = new RedisRateLimiter(client, { name, requestsPerSecond: 1000, burstSize: 10, timeoutMs: 10_000 })
      const startMs = performance.now()
      await limiter.acquire()
      expect(performance.now() - startMs).toBeLessThan(20_000)
      limiter.close()
    })
  })
})

describe('RedisRateLimiter: what it is given', () => {
  const client: RedisClient = { send: () => Promise.reject(new Error('NOAUTH Authentication required.')) }
  const limit = { name: 'n', requestsPerSecond: 10 }

  it.each([undefined, null, {}, 5, { get: () => 1 }])('refuses the client %o', (bad) => {
    expect(() => new RedisRateLimiter(bad as never, limit)).toThrow(
      /client must be a client of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash\/redis, or an object with send/,
    )
  })

  it('says that the client comes first to whoever takes it for an option', () => {
    expect(() => new RedisRateLimiter({ client, ...limit } as never, undefined as never)).toThrow(
      /^client must be a client of/,
    )
  })

  it.each([
    [{ name: 'a:b' }, RangeError, "name must hold none of ':', '{' and '}'"],
    [{ name: '' }, RangeError, 'name must have 1 to 200 characters; received 0'],
    [{ name: undefined }, TypeError, 'name must be a string'],
    [{ requestsPerSecond: 0 }, RangeError, 'requestsPerSecond'],
    [{ requestsPerSecond: 1e8 }, RangeError, 'requestsPerSecond'],
    [{ burstSize: 1.5 }, RangeError, 'burstSize must be an integer >= 1'],
    [{ mode: 'fast' }, RangeError, 'mode'],
    [{ timeoutMs: 0 }, RangeError, 'timeoutMs'],
    [{ connectTimeoutMs: -1 }, RangeError, 'connectTimeoutMs'],
    [{ onUnavailable: 'wait' }, RangeError, 'onUnavailable'],
    [{ processes: 0 }, RangeError, 'processes'],
    [{ leaseSize: 0 }, RangeError, 'leaseSize'],
    [{ requestPerSecond: 1 }, TypeError, "did you mean 'requestsPerSecond'?"],
    [{ requestsPerSecond: 1e-6, burstSize: 1e7 }, RangeError, 'burstSize / requestsPerSecond must be <='],
  ])('refuses %o', (options, type, message) => {
    expect(() => new RedisRateLimiter(client, { ...limit, ...options } as never)).toThrow(type)
    expect(() => new RedisRateLimiter(client, { ...limit, ...options } as never)).toThrow(message)
  })

  it.each([0, 1.5, 11, NaN, '1'])('refuses %o tokens', async (tokens) => {
    await expect(new RedisRateLimiter(client, limit).tryAcquire(tokens as number)).rejects.toThrow('tokens must be')
  })

  it('warns once of each kind of error that the server answers and that lasts', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    const clock = new FakeClock()
    const words = [
      'WRONGTYPE Operation against',
      'connect ECONNREFUSED',
      "READONLY You can't write",
      'LOADING Redis is',
    ]
    const others = ['OOM command not allowed', "ERR unknown command 'EVALSHA'", 'BUSY Redis is busy', 'CLUSTERDOWN The']
    const messages = [...words, ...others, ...words, ...others]
    const failing: RedisClient = { send: () => Promise.reject(new Error(messages.shift())) }
    const limiter = new RedisRateLimiter(failing, { ...limit, onUnavailable: 'open', clock })
    while (messages.length > 0) {
      expect(await limiter.tryAcquire()).toBe(true)
      await clock.advance(250)
    }
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect(warnings).toMatchObject(
      [words[0], words[2], others[0], others[1]].map((text) => ({
        code: 'AMORSIZE_REDIS_REFUSED',
        message: `the server of a rate limit refuses what it is asked: ${text}`,
      })),
    )
    limiter.close()
  })

  it('warns once of a password that is missing', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    const limiter = new RedisRateLimiter(client, { ...limit, onUnavailable: 'open' })
    expect(await limiter.decide()).toEqual({ allowed: true, waitMs: 0, remaining: null, source: 'fallback' })
    await sleep(250)
    await limiter.decide()
    await sleep(10)
    process.off('warning', listen)
    expect(warnings).toMatchObject([{ code: 'AMORSIZE_REDIS_REFUSED' }])
  })
})
