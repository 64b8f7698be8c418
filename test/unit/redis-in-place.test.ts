import { describe, expect, it, vi } from 'vitest'
import {
  pipeline,
  RateLimitExceeded,
  RateLimiter,
  rateLimit,
  rateLimitedCall,
  retry,
  withPolicy,
  withRateLimit,
} from '../../dist/index.js'
import { RedisKeyedRateLimiter, RedisRateLimiter } from '../../dist/redis/index.js'

const exact = { name: 'in-place', requestsPerSecond: 1, burstSize: 10, mode: 'exact', onUnavailable: 'closed' } as const

/** A server that has `tokens` of each key, and is away once they are used up: then limiters refuse at once. */
function serverOf(tokens: number): { send(command: readonly string[], key: string): Promise<unknown> } {
  const used = new Map<string, number>()
  return {
    send: (_, key) => {
      const before = used.get(key) ?? 0
      if (before === tokens) return Promise.reject(new Error('away'))
      used.set(key, before + 1)
      return Promise.resolve(['1', '0', '0', '0'])
    },
  }
}

type Guarded = (call: () => string) => Promise<string>

describe('a RedisRateLimiter where a RateLimiter goes', () => {
  const places: Record<string, (limiter: RedisRateLimiter) => Guarded> = {
    rateLimit: (limiter) => (call) => rateLimit(limiter).execute(call),
    pipeline: (limiter) => (call) => pipeline(retry({ maxRetries: 0 }), limiter).execute(call),
    'pipeline of rateLimit': (limiter) => (call) => pipeline(rateLimit(limiter)).execute(call),
    rateLimitedCall: (limiter) => (call) => rateLimitedCall(call, { limiter }),
    withRateLimit: (limiter) => (call) => withRateLimit(limiter)(call)(),
    withPolicy: (limiter) => (call) => withPolicy(limiter)(call)(),
  }

  it.each(Object.keys(places))('lets as many pass as the server grants: %s', async (place) => {
    const limiter = new RedisRateLimiter(serverOf(2), exact)
    const call = vi.fn(() => 'done')
    const guarded = places[place]!(limiter)
    expect([await guarded(call), await guarded(call)]).toEqual(['done', 'done'])
    await expect(guarded(call)).rejects.toThrow(RateLimitExceeded)
    expect(call).toHaveBeenCalledTimes(2)
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 1 })
    limiter.close()
  })

  it('ends the wait of a call by its signal', async () => {
    const limiter = new RedisRateLimiter({ send: () => new Promise(() => undefined) }, { ...exact, timeoutMs: 10_000 })
    const controller = new AbortController()
    const call = rateLimitedCall(() => 1, { limiter, signal: controller.signal })
    controller.abort('stop')
    await expect(call).rejects.toBe('stop')
    limiter.close()
  })

  it('is a policy already for rateLimit, as is what that has made', () => {
    const limiter = new RedisRateLimiter(serverOf(0), exact)
    const own = rateLimit({ requestsPerSecond: 1 })
    expect(rateLimit(limiter)).toBe(limiter)
    expect(rateLimit(own)).toBe(own)
    limiter.close()
  })

  it('is told why RateLimiter.all does not take it', () => {
    for (const limiter of [new RedisRateLimiter(serverOf(0), exact), new RedisKeyedRateLimiter(serverOf(0), exact)]) {
      expect(() => RateLimiter.all({ rpm: { requestsPerSecond: 1 }, shared: limiter as never })).toThrow(
        `limits.shared must be a RateLimiter, the options of one, or a KeyedRateLimiter; received an object (${limiter.constructor.name}), of which nothing can be taken together`,
      )
      limiter.close()
    }
  })
})

describe('a RedisKeyedRateLimiter where a KeyedRateLimiter goes', () => {
  it('is no options of another limiter', () => {
    const limiter = new RedisKeyedRateLimiter(serverOf(0), exact)
    for (const make of [rateLimit, withRateLimit]) {
      expect(() => make(limiter as never)).toThrow(
        /^RateLimiter options must not be a limiter.*received an object \(RedisKeyedRateLimiter\): give a limiter by key to withRateLimit\(\{ keyed, limiter \}\)/,
      )
    }
    limiter.close()
  })

  it('limits each key of withRateLimit({ keyed })', async () => {
    const limiter = new RedisKeyedRateLimiter(serverOf(1), exact)
    const guard = withRateLimit({ keyed: (ip: string) => ip, limiter })
    const answer = guard((ip: string) => `hello ${ip}`)
    const heard: unknown[] = []
    guard.policy.on('refused', ({ error }) => heard.push(error.limiterName))
    guard.policy.on('waiting', ({ limiterName }) => heard.push(limiterName))
    expect([await answer('a'), await answer('b')]).toEqual(['hello a', 'hello b'])
    await expect(answer('a')).rejects.toThrow(RateLimitExceeded)
    expect(guard.policy.limiter).toBe(limiter)
    expect(guard.policy.stats()).toMatchObject({ allowed: 2, denied: 1, roundTrips: 3 })
    // Each had to wait for the server.
    expect(heard).toEqual(['in-place', 'in-place', 'in-place', 'in-place'])
    limiter.close()
  })

  it('ends the wait of a call by its signal', async () => {
    const away = { send: () => new Promise(() => undefined) }
    const limiter = new RedisKeyedRateLimiter(away, { ...exact, timeoutMs: 10_000 })
    const { policy } = withRateLimit({ keyed: () => 'k', limiter })
    const controller = new AbortController()
    const call = policy.execute(() => 1, { signal: controller.signal })
    controller.abort('stop')
    await expect(call).rejects.toBe('stop')
    expect(limiter.stats().waiting).toBe(0)
    limiter.close()
  })
})
