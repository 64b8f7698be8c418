// What is there, and what comes back, over Redis.
import { type RedisClient, RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'

describe.skipIf(servers.length === 0)('peek, refund and reset (needs redis-server or valkey-server)', () => {
  const { connected, fresh } = limitsOverRedis('giving-back')

  describe.each(servers)('on %s', (kind) => {
    it('looks, gives back and resets, for all objects of a name', async () => {
      const { client } = await connected(kind)
      for (const mode of ['exact', 'lease'] as const) {
        const options = { ...still, name: fresh(), mode }
        const [one, two] = [
          new RedisRateLimiter(client, options),
          new RedisRateLimiter(client, { ...options, leaseSize: 2 }),
        ]
        expect(await one.peek(10)).toEqual({ allowed: true, waitMs: 0, remaining: 10, source: 'redis' })
        expect(await one.decide(7)).toMatchObject({ allowed: true, remaining: 3 })
        expect(await two.peek()).toEqual({ allowed: true, waitMs: 0, remaining: 3, source: 'redis' })
        expect(await two.peek(4)).toMatchObject({ allowed: false, remaining: 3, source: 'redis' })
        expect((await two.peek(4)).waitMs).toBeGreaterThan(900_000)
        expect(await two.refund(2)).toBe(true)
        expect(await one.peek()).toMatchObject({ remaining: 5 })
        // Never above the burst.
        expect(await one.refund(1e9)).toBe(true)
        expect(await two.peek()).toMatchObject({ remaining: 10 })
        await one.decide(10)
        await one.pauseFor(60_000)
        expect(await one.peek()).toMatchObject({ allowed: false })
        const waiting = one.acquire(3)
        await two.reset()
        expect(await two.decide(2)).toMatchObject({ allowed: true, remaining: 8, source: 'redis' })
        expect(await one.reset()).toBe(true)
        await waiting
        expect(await one.peek()).toMatchObject({ allowed: true, remaining: 7 })
        for (const limiter of [one, two]) limiter.close()
      }
    })

    it('looks, gives back and resets, by key', async () => {
      const { client } = await connected(kind)
      const limiter = new RedisKeyedRateLimiter(client, { ...still, name: fresh() })
      expect(await limiter.reset('unknown')).toBe(true)
      expect(await limiter.peek('unknown', 10)).toMatchObject({ allowed: true, remaining: 10 })
      await limiter.decide('k', 10)
      expect(await limiter.decide('k')).toMatchObject({ allowed: false, source: 'redis' })
      expect(await limiter.peek('k')).toMatchObject({ allowed: false, source: 'lease' })
      await limiter.refund('k', 1)
      expect(await limiter.decide('k')).toMatchObject({ allowed: true, remaining: 0, source: 'redis' })
      await limiter.decide('k')
      expect(await limiter.reset('k')).toBe(true)
      expect(await limiter.peek('k')).toEqual({ allowed: true, waitMs: 0, remaining: 10, source: 'redis' })
      await limiter.pauseFor('k', 60_000)
      // What comes back ends no pause; a reset does.
      await limiter.refund('k', 1)
      expect(await limiter.peek('k')).toMatchObject({ allowed: false })
      await limiter.reset('k')
      expect(await limiter.decide('k', 10)).toMatchObject({ allowed: true })
      limiter.close()
    })

    it('looks, gives back and resets here while the server is away, and says so', async () => {
      const away: RedisClient = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }
      const one = new RedisRateLimiter(away, { ...still, name: fresh() })
      const keyed = new RedisKeyedRateLimiter(away, { ...still, name: fresh() })
      for (const [decide, peek, refund, reset] of [
        [(n: number) => one.decide(n), () => one.peek(), (n: number) => one.refund(n), () => one.reset()],
        [
          (n: number) => keyed.decide('k', n),
          () => keyed.peek('k'),
          (n: number) => keyed.refund('k', n),
          () => keyed.reset('k'),
        ],
      ] as const) {
        expect(await decide(10)).toMatchObject({ allowed: true, source: 'fallback' })
        expect(await peek()).toMatchObject({ allowed: false, remaining: 0, source: 'fallback' })
        expect(await refund(4)).toBe(false)
        expect(await peek()).toEqual({ allowed: true, waitMs: 0, remaining: 4, source: 'fallback' })
        expect(await reset()).toBe(false)
        expect(await peek()).toMatchObject({ remaining: 10 })
      }
      for (const limiter of [one, keyed]) limiter.close()
    })

    it.each([0, -1, 1.5, NaN, Infinity, '1', undefined])('gives back no %o tokens', async (tokens) => {
      const { client } = await connected(kind)
      const one = new RedisRateLimiter(client, { ...still, name: fresh() })
      const keyed = new RedisKeyedRateLimiter(client, { ...still, name: fresh() })
      await expect(one.refund(tokens as number)).rejects.toThrow('tokens must be')
      await expect(keyed.refund('k', tokens as number)).rejects.toThrow('tokens must be')
      await expect(one.refund(1, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone')
      await expect(keyed.reset('k', { signla: 1 } as never)).rejects.toThrow(TypeError)
      for (const limiter of [one, keyed]) limiter.close()
      await expect(one.peek()).rejects.toMatchObject({ reason: 'disposed' })
      await expect(keyed.reset('k')).rejects.toMatchObject({ reason: 'disposed' })
    })
  })
})
