// Several limits over Redis at once, all or nothing.
import fc from 'fast-check'
import { type RedisClient, RedisRateLimiter } from 'amorsize/redis'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'
import { clientMakers } from '../../support/redis-clients.js'

describe.skipIf(servers.length === 0)('RedisRateLimiter.all (needs redis-server or valkey-server)', () => {
  const { connected, fresh } = limitsOverRedis('all')
  const pairs = servers.flatMap((kind) => Object.keys(clientMakers).map((maker) => [maker, kind] as const))

  /** A limit of requests and one of tokens, of which nothing comes back. */
  function limitsOf(client: RedisClient, requests = 5, tokens = 100) {
    const limits = {
      requests: new RedisRateLimiter(client, { ...still, name: fresh(), burstSize: requests }),
      tokens: new RedisRateLimiter(client, { ...still, name: fresh(), burstSize: tokens }),
    }
    const close = (): void => Object.values(limits).forEach((limiter) => limiter.close())
    return { ...limits, all: RedisRateLimiter.all(limits), close }
  }

  it.each(pairs)('takes of all or of none, in one question, with %s on %s', async (maker, kind) => {
    const { client } = await connected(kind, maker)
    const { all, requests, tokens, close } = limitsOf(client)
    expect(await all.tryAcquire({ requests: 1, tokens: 60 })).not.toBe(false)
    expect(await all.tryAcquire({ requests: 1, tokens: 60 })).toBe(false)
    expect([await requests.peek(), await tokens.peek()]).toMatchObject([{ remaining: 4 }, { remaining: 40 }])
    expect(await all.tryAcquire({ requests: 4 })).not.toBe(false)
    expect(await all.tryAcquire({ requests: 1, tokens: 1 })).toBe(false)
    expect(await tokens.peek()).toMatchObject({ remaining: 40 })
    expect(requests.stats()).toMatchObject({ allowed: 2, denied: 2 })
    close()
  })

  describe.each(servers)('on %s', (kind) => {
    it('settles what it cost in truth: gives back, or takes as a debt', async () => {
      const { client } = await connected(kind)
      const { all, tokens, close } = limitsOf(client)
      const permit = await all.acquire({ requests: 1, tokens: 60 })
      expect(await permit.settle({ tokens: 10 })).toBe(true)
      expect(await tokens.peek()).toMatchObject({ remaining: 90 })
      // Once.
      await permit.settle({ tokens: 0 })
      expect(await tokens.peek()).toMatchObject({ remaining: 90 })
      const dear = await all.acquire({ requests: 1, tokens: 90 })
      await dear.settle({ tokens: 250 })
      const { allowed, waitMs } = await tokens.peek()
      expect(allowed).toBe(false)
      // 160 of debt, and one.
      expect(waitMs).toBeGreaterThan(155_000_000)
      expect(waitMs).toBeLessThanOrEqual(161_000_000)
      await expect(all.acquire({ tokens: 1 }, { maxWaitMs: 1000 })).rejects.toMatchObject({
        code: 'ERR_RATE_LIMIT_EXCEEDED',
        retryAfterMs: expect.closeTo(waitMs, -5) as number,
      })
      close()
    })

    it('serves who waits in order, as soon as both limits have what it costs', async () => {
      const { client } = await connected(kind)
      const limits = {
        fast: new RedisRateLimiter(client, { ...still, name: fresh(), requestsPerSecond: 1000, burstSize: 1 }),
        slow: new RedisRateLimiter(client, { ...still, name: fresh(), requestsPerSecond: 50, burstSize: 1 }),
      }
      const all = RedisRateLimiter.all(limits)
      const order: number[] = []
      const startMs = performance.now()
      await Promise.all([1, 2, 3, 4].map((n) => all.acquire({ fast: 1, slow: 1 }).then(() => order.push(n))))
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(58)
      expect(order).toEqual([1, 2, 3, 4])
      const abort = new AbortController()
      const waiting = all.acquire({ slow: 1 }, { signal: abort.signal }).catch(String)
      abort.abort('gone')
      expect(await waiting).toBe('gone')
      for (const limiter of Object.values(limits)) limiter.close()
      await expect(all.tryAcquire({ slow: 1 })).rejects.toMatchObject({ reason: 'disposed' })
    })

    it('never grants more than each limit has, nor loses a token, whatever is asked and settled', async () => {
      const { client } = await connected(kind)
      const cost = fc.record({ requests: fc.nat({ max: 3 }), tokens: fc.nat({ max: 60 }) })
      const step = fc.record({ cost, actual: fc.option(fc.record({ tokens: fc.nat({ max: 120 }) })) })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          const { all, requests, tokens, close } = limitsOf(client)
          const left = { requests: 5, tokens: 100 }
          for (const { cost: asked, actual } of steps) {
            const fits = asked.requests <= left.requests && asked.tokens <= Math.max(left.tokens, 0)
            const isThere = fits || (asked.requests <= left.requests && asked.tokens === 0)
            const permit = await all.tryAcquire(asked)
            expect(permit !== false).toBe(isThere)
            if (permit === false) continue
            left.requests -= asked.requests
            left.tokens -= asked.tokens
            if (actual === null) continue
            await permit.settle(actual)
            left.tokens += asked.tokens - actual.tokens
          }
          expect((await requests.peek()).remaining).toBe(left.requests)
          expect((await tokens.peek()).remaining).toBe(Math.max(left.tokens, 0))
          close()
        }),
        { numRuns: 30 },
      )
    })
  })

  it('goes by what each limit says while the server is away', async () => {
    const away: RedisClient = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }
    const of = (onUnavailable: 'local' | 'closed' | 'open', burstSize = 2) =>
      new RedisRateLimiter(away, { ...still, name: fresh(), onUnavailable, burstSize })
    const limits = { a: of('local'), b: of('local', 5), c: of('open') }
    const all = RedisRateLimiter.all(limits)
    expect(await all.tryAcquire({ a: 1, b: 1, c: 1 })).not.toBe(false)
    expect(await all.tryAcquire({ b: 3, a: 2, c: 1 })).toBe(false)
    // What b had given went back.
    expect(await all.tryAcquire({ b: 4 })).not.toBe(false)
    expect(limits.a.stats()).toMatchObject({ fallbacks: 2 })
    const closed = { a: of('closed'), b: of('local') }
    await expect(RedisRateLimiter.all(closed).acquire({ a: 1, b: 1 })).rejects.toMatchObject({
      cause: { message: 'connect ECONNREFUSED' },
    })
    for (const limiter of [...Object.values(limits), ...Object.values(closed)]) limiter.close()
  })

  it('gives back once what comes when nobody waits for it', async () => {
    const asked: string[][] = []
    const held: (() => void)[] = []
    const client: RedisClient = {
      send: (command) => {
        asked.push(command.slice(5))
        return new Promise((resolve) => held.push(() => resolve(['1', '0', '1', '0', '1', '0', '1', '0'])))
      },
    }
    const clock = new FakeClock()
    const limits = {
      a: new RedisRateLimiter(client, { ...still, name: fresh(), clock }),
      b: new RedisRateLimiter(client, { ...still, name: fresh(), clock }),
    }
    const abort = new AbortController()
    const taking = RedisRateLimiter.all(limits).tryAcquire({ a: 1, b: 1 }, { signal: abort.signal })
    abort.abort('gone')
    await expect(taking).rejects.toBe('gone')
    held[0]!()
    await new Promise(setImmediate)
    expect(asked.map(([most, least]) => [most, least])).toEqual([
      ['1', '1'],
      ['-1', '-1'],
    ])
    for (const limiter of Object.values(limits)) limiter.close()
  })

  it('refuses what it cannot decide together', () => {
    const client = (slots?: unknown): RedisClient =>
      ({ status: 'ready', slots, evalsha: () => Promise.resolve(), eval: () => Promise.resolve() }) as never
    const one = client()
    const of = (name: string, by = one) => new RedisRateLimiter(by, { name, requestsPerSecond: 1 })
    const cluster = client(Array.from({ length: 16_384 }, (_, slot) => [`server-${slot % 3}`]))
    for (const [limits, message] of [
      [null, 'limits must be an object of RedisRateLimiters; received null'],
      [{}, 'limits must have at least one RedisRateLimiter'],
      [{ a: { requestsPerSecond: 1 } }, 'limits.a must be a RedisRateLimiter'],
      [{ a: of('a'), b: of('a') }, 'limits must have names of their own'],
      [{ a: of('a'), b: of('b', client()) }, 'limits must have the same client'],
      [{ a: of('a', cluster), b: of('b', cluster) }, "limits of a cluster must have names that begin alike up to '/'"],
    ] as const)
      expect(() => RedisRateLimiter.all(limits as never), message).toThrow(message)
    RedisRateLimiter.all({ a: of('model/a', cluster), b: of('model/b', cluster) })
  })

  it.each([
    [{}, RangeError, 'costs must name at least one limit (limits: requests, tokens)'],
    [{ request: 1 }, TypeError, "costs names 'request', which is no limit here"],
    [{ requests: 6 }, RangeError, 'costs.requests must be'],
    [{ requests: -1 }, RangeError, 'costs.requests must be'],
    [{ tokens: 1.5 }, RangeError, 'costs.tokens must be'],
    [{ tokens: '1' }, TypeError, 'costs.tokens must be'],
    [null, TypeError, 'costs must be an object'],
  ])('refuses the costs %o', async (costs, type, message) => {
    const { all, close } = limitsOf({ send: () => Promise.resolve(['1', '0', '1', '0', '1', '0', '1', '0']) })
    for (const taking of [all.tryAcquire(costs as never), all.acquire(costs as never)]) {
      const error: unknown = await taking.catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(type)
      expect(String(error)).toContain(message)
    }
    const permit = await all.acquire({ requests: 1, tokens: 1 })
    await expect(permit.settle({ tokens: NaN })).rejects.toThrow('actual.tokens must be')
    close()
  })
})
