import { describe, expect, it, vi } from 'vitest'
import {
  execute,
  pipeline,
  RateLimitExceeded,
  RateLimiter,
  rateLimit,
  rateLimitedCall,
  retry,
  withPolicy,
  withRateLimit,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { RedisKeyedRateLimiter, RedisRateLimiter } from '../../../dist/redis/index.js'

const exact = { name: 'in-place', requestsPerSecond: 1, burstSize: 10, mode: 'exact', onUnavailable: 'closed' } as const

const double = (n: number): number => 2 * n

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

  it('ends a call by its signal while the function runs, too', async () => {
    const limiter = new RedisRateLimiter(serverOf(1), exact)
    const controller = new AbortController()
    const stop = (): Promise<never> => {
      controller.abort('stop')
      return new Promise(() => undefined)
    }
    await expect(limiter.execute(stop, { signal: controller.signal })).rejects.toBe('stop')
    limiter.close()
  })

  it('is a policy already for rateLimit, as is what that has made', () => {
    const limiter = new RedisRateLimiter(serverOf(0), exact)
    const own = rateLimit({ requestsPerSecond: 1 })
    expect(rateLimit(limiter)).toBe(limiter)
    expect(rateLimit(own)).toBe(own)
    limiter.close()
  })

  it('says why a run under it stays in its thread, and what else there is', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const limiter = new RedisRateLimiter(serverOf(3), exact)
    expect(await execute(double, [1, 2, 3], { mode: 'threads', policies: [limiter] })).toEqual([2, 4, 6])
    expect(warn.mock.calls).toEqual([
      [
        "the limiter 'in-place' over Redis has its client in this thread (a task that takes tokens itself, from a RedisRateLimiter of this name that its module makes, can run in workers), so the run stays in this thread",
        { type: 'AmorsizeWarning', code: 'AMORSIZE_POLICY_NOT_SHARED' },
      ],
    ])
    warn.mockRestore()
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
    // To ask the server is not to wait for tokens.
    expect(heard).toEqual(['in-place'])
    limiter.close()
  })

  it('tells once of each call that has to wait for tokens', async () => {
    const clock = new FakeClock()
    const used = new Set<string>()
    const server = {
      send: (_: unknown, key: string) => {
        const isGranted = !used.has(key) || clock.now() >= 1000
        used.add(key)
        return Promise.resolve(isGranted ? ['1', '0', '0', '0'] : ['0', '500000', '0', '500000'])
      },
    }
    const limiter = new RedisKeyedRateLimiter(server, { ...exact, clock })
    const { policy } = withRateLimit({ keyed: (ip: string) => ip, limiter })
    const ask = policy.wrap((ip: string) => ip)
    let waiting = 0
    policy.on('waiting', () => waiting++)
    await ask('a')
    await ask('b')
    expect(waiting).toBe(0)
    const calls = [ask('a'), ask('a')]
    await clock.advance(100)
    expect(waiting).toBe(2)
    calls.push(ask('a'))
    await clock.advance(2000)
    expect([await Promise.all(calls), waiting]).toEqual([['a', 'a', 'a'], 3])
    limiter.close()
  })

  it('is asked who waits only where somebody listens', async () => {
    const stats = vi.fn(() => ({ waiting: 0 }))
    const { policy } = withRateLimit({ keyed: () => 'a', limiter: { acquire: () => Promise.resolve(), stats } })
    await policy.execute(() => 1)
    expect(stats).not.toHaveBeenCalled()
    policy.on('waiting', () => undefined)
    await policy.execute(() => 1)
    expect(stats).toHaveBeenCalledTimes(2)
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

it('a RedisRateLimiter may be closed while it asks for another thread', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  let answer!: (granted: string[]) => void
  const send = vi.fn(() => new Promise((resolve) => (answer = resolve)))
  const limiter = new RedisRateLimiter({ send }, { ...exact, timeoutMs: 1000 })
  const other = RedisRateLimiter.from(limiter.share())
  const asked = other.tryAcquire()
  await vi.waitFor(() => expect(send).toHaveBeenCalled())
  limiter.close()
  answer(['1', '0', '0', '0'])
  expect(await asked).toBe(false)
  expect(unhandled).not.toHaveBeenCalled()
  process.off('unhandledRejection', unhandled)
  other.close()
})
