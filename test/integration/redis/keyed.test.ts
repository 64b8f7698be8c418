import { RedisKeyedRateLimiter, type RedisClient } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'
import { clientMakers } from '../../support/redis-clients.js'

describe.skipIf(servers.length === 0)('limits by key (needs redis-server or valkey-server)', () => {
  const { connected, fresh } = limitsOverRedis('keyed')

  describe.each(servers)('RedisKeyedRateLimiter on %s', (kind) => {
    it.each(Object.keys(clientMakers))('holds one limit for each key, over several objects, with %s', async (maker) => {
      const { client } = await connected(kind, maker)
      const name = fresh()
      const limiters = [1, 2].map(() => new RedisKeyedRateLimiter(client, { ...still, name, mode: 'exact' }))
      const allowed = { a: 0, b: 0 }
      for (let i = 0; i < 8; i++)
        for (const limiter of limiters)
          for (const key of ['a', 'b'] as const) if (await limiter.tryAcquire(key)) allowed[key]++
      expect(allowed).toEqual({ a: 10, b: 10 })
      for (const limiter of limiters) limiter.close()
    })

    it('asks nothing for a key that was refused, until it could succeed', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisKeyedRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
      for (let i = 0; i < 10; i++) expect(await limiter.tryAcquire('attacker')).toBe(true)
      expect(await limiter.decide('attacker')).toMatchObject({ allowed: false, source: 'redis' })
      const { roundTrips } = limiter.stats()
      for (let i = 0; i < 1000; i++) expect(await limiter.tryAcquire('attacker')).toBe(false)
      const { waitMs, source } = await limiter.decide('attacker', 3)
      expect(source).toBe('lease')
      expect(waitMs).toBeGreaterThan(2_900_000)
      expect(waitMs).toBeLessThanOrEqual(3_000_001)
      expect(limiter.stats()).toMatchObject({ allowed: 10, denied: 1002, roundTrips })
      expect(await limiter.tryAcquire('another')).toBe(true)
      limiter.close()
    })

    it('keeps no refusal of several tokens against one', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisKeyedRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
      expect(await limiter.tryAcquire('k', 7)).toBe(true)
      expect(await limiter.tryAcquire('k', 5)).toBe(false)
      expect(await limiter.decide('k', 3)).toMatchObject({ allowed: true, remaining: 0, source: 'redis' })
      limiter.close()
    })

    it('serves who waits for a key in order and at its rate, and ends waits by signal and by close', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisKeyedRateLimiter(client, {
        name: fresh(),
        requestsPerSecond: 100,
        burstSize: 1,
        timeoutMs: 10_000,
      })
      const order: number[] = []
      const startMs = performance.now()
      await Promise.all(Array.from({ length: 11 }, (_, i) => limiter.acquire('k').then(() => order.push(i))))
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(95)
      expect(order).toEqual(Array.from({ length: 11 }, (_, i) => i))
      await limiter.pauseFor('k', 60_000)
      expect(await limiter.decide('k')).toMatchObject({ allowed: false, source: 'lease' })
      expect(await limiter.tryAcquire('l')).toBe(true)
      const abort = new AbortController()
      const outcomes = Promise.allSettled([limiter.acquire('k', 1, { signal: abort.signal }), limiter.acquire('k')])
      await expect.poll(() => limiter.stats().waiting).toBe(2)
      abort.abort('gone')
      await expect.poll(() => limiter.stats().waiting).toBe(1)
      limiter.close()
      expect(await outcomes).toMatchObject([{ reason: 'gone' }, { reason: { code: 'ERR_SHARED_MEMORY' } }])
      await expect(limiter.tryAcquire('k')).rejects.toMatchObject({ reason: 'disposed' })
    })

    it('takes keys of any length and kind, and keeps long ones out of the server', async () => {
      const { client, command } = await connected(kind, 'node-redis')
      const name = fresh()
      const limiter = new RedisKeyedRateLimiter(client, { ...still, name, mode: 'exact' })
      for (const key of ['x'.repeat(60_000), 'a}b{c:d', '', 7, 7n, 'ключ'])
        expect(await limiter.tryAcquire(key), String(key).slice(0, 20)).toBe(true)
      const keys = (await command('KEYS', `rl:{${name}:*`)) as string[]
      // 7 and 7n are one key.
      expect(keys).toHaveLength(5)
      expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(100)
      await expect(limiter.tryAcquire({} as never)).rejects.toThrow('key must be')
      limiter.close()
    })

    it("limits each key by itself on this machine while the server is away, onUnavailable: 'local'", async () => {
      const away: RedisClient = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }
      const limiter = new RedisKeyedRateLimiter(away, { ...still, name: fresh(), processes: 2 })
      const allowed = { a: 0, b: 0 }
      for (let i = 0; i < 8; i++)
        for (const key of ['a', 'b'] as const) if (await limiter.tryAcquire(key)) allowed[key]++
      expect(allowed).toEqual({ a: 5, b: 5 })
      const { source, waitMs } = await limiter.decide('a')
      expect(source).toBe('fallback')
      expect(waitMs).toBeGreaterThan(1_000_000)
      limiter.close()
    })
  })
})

describe('RedisKeyedRateLimiter: what it is given', () => {
  it.each([
    [{ capacity: 0 }, RangeError, 'capacity'],
    [{ capacity: 1.5 }, RangeError, 'capacity'],
    [{ maxKeys: 5 }, TypeError, 'unknown RedisKeyedRateLimiter option'],
    [{ name: 'a{b' }, RangeError, 'name must hold none of'],
  ])('refuses the options %o', (options, type, message) => {
    const client: RedisClient = { send: () => Promise.reject(new Error('away')) }
    const make = (): unknown => new RedisKeyedRateLimiter(client, { name: 'n', requestsPerSecond: 1, ...options })
    expect(make).toThrow(type)
    expect(make).toThrow(message)
  })
})
