import { describe, expect, it } from 'vitest'
import {
  KeyedRateLimiter,
  pipeline,
  RateLimiter,
  RateLimitExceeded,
  withPolicy,
  withRateLimit,
  withRetry,
  withTimeout,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

interface Request {
  ip: string
}

const from = (ip: string): Request => ({ ip })

function options(clock: FakeClock): {
  keyed: (request: Request) => string
  requestsPerSecond: number
  burstSize: number
  capacity: number
  clock: FakeClock
} {
  return { keyed: (request) => request.ip, requestsPerSecond: 10, burstSize: 1, capacity: 100, clock }
}

describe('withRateLimit({ keyed })', () => {
  it('limits each key on its own, as a wrapper', async () => {
    const clock = new FakeClock()
    const answer = withRateLimit(options(clock))(async (request: Request, suffix = '') => request.ip + suffix)
    const outcomes = [answer(from('a'), '!'), answer(from('a')), answer(from('b'))].map((call) =>
      outcomeOf(clock, call),
    )
    await clock.advance(200)
    expect(await Promise.all(outcomes)).toMatchObject([
      { value: 'a!', atMs: 0 },
      { value: 'a', atMs: 100 },
      { value: 'b', atMs: 0 },
    ])
    expect([answer.name, answer.length, answer.policy.kind]).toEqual(['', 1, 'rate-limit'])
    expect(answer.policy.stats()).toMatchObject({ allowed: 3, waiting: 0 })
    expect(answer.policy.limiter).toBeInstanceOf(KeyedRateLimiter)
  })

  it('refuses where waiting is off, and tells who listens', async () => {
    const clock = new FakeClock()
    const guard = withRateLimit({ ...options(clock), waitOnLimit: false })
    const answer = guard((request: Request) => request.ip)
    const heard: unknown[] = []
    guard.policy.on('refused', ({ error }) => heard.push(error.retryAfterMs))
    expect(await answer(from('a'))).toBe('a')
    await expect(answer(from('a'))).rejects.toThrow(RateLimitExceeded)
    expect(await answer(from('b'))).toBe('b')
    expect(heard).toEqual([100])
  })

  it.each([
    ['null', null],
    ['a number', 5],
    ['a function', () => undefined],
    ['a policy', new RateLimiter()],
    ['one that cannot wait', { stats: () => ({ waiting: 0 }) }],
    ['one that cannot tell who waits', { acquire: () => Promise.resolve() }],
  ])('takes no limiter that is %s', (_, limiter) => {
    expect(() => withRateLimit({ keyed: () => 'a', limiter: limiter as never })).toThrow(
      'limiter must be a KeyedRateLimiter or another limiter by key; received',
    )
  })

  it('takes a limiter by key of your own', async () => {
    const asked: unknown[] = []
    const limiter = { acquire: async (key: unknown) => void asked.push(key), stats: () => ({ waiting: 0 }) }
    const guarded = withRateLimit({ keyed: (request: Request) => request.ip, limiter })(
      (request: Request) => `done for ${request.ip}`,
    )
    guarded.policy.on('waiting', () => asked.push('waits'))
    expect(await guarded(from('a'))).toBe('done for a')
    expect(asked).toEqual(['a'])
  })

  it('shares an existing keyed limiter', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1e-6, burstSize: 1, capacity: 100, waitOnLimit: false })
    const read = withRateLimit({ keyed: (request: Request) => request.ip, limiter })(
      async (request: Request) => `read ${request.ip}`,
    )
    const write = withRateLimit({ keyed: (id: number, ip: string) => ip + String(id - id).slice(1), limiter })(
      async (_id: number, ip: string) => `write ${ip}`,
    )
    expect(await read(from('a'))).toBe('read a')
    await expect(write(1, 'a')).rejects.toThrow(RateLimitExceeded)
  })

  it('stands inside and outside of other policies, and every attempt of a retry takes a token of its key', async () => {
    const clock = new FakeClock()
    let calls = 0
    const flaky = withTimeout({ timeoutMs: 10_000, clock })(
      withRetry({ maxRetries: 2, initialDelayMs: 0, jitter: 'none', clock })(
        withRateLimit(options(clock))(
          withTimeout({ timeoutMs: 1000, clock })(async (request: Request) => {
            if (++calls < 3) throw new Error('again')
            return request.ip
          }),
        ),
      ),
    )
    const outcome = outcomeOf(clock, flaky(from('a')))
    await clock.advance(1000)
    expect(await outcome).toMatchObject({ value: 'a', atMs: 200 })
  })

  it('ends a wait when a timeout outside does', async () => {
    const clock = new FakeClock()
    const guard = withRateLimit(options(clock))
    const answer = withTimeout({ timeoutMs: 50, clock })(guard(async (request: Request) => request.ip))
    await answer(from('a'))
    const late = outcomeOf(clock, answer(from('a')))
    await clock.advance(50)
    expect((await late).error).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(guard.policy.stats().waiting).toBe(0)
    expect(guard.policy.limiter.retryAfterMs('a')).toBe(50)
  })

  it('rejects with what the key function throws, and for keys that are none', async () => {
    const guard = withRateLimit({ keyed: (request: Request) => request.ip, capacity: 10 })
    const answer = guard(async (request: Request) => request.ip)
    await expect(answer(undefined as never)).rejects.toThrow(/ip/)
    await expect(answer({} as never)).rejects.toThrow(/^key must be a string, number or bigint; received undefined/)
  })

  it('lets a key function do without arguments', async () => {
    const guard = withRateLimit({ keyed: (user?: string) => user ?? 'anonymous', capacity: 10 })
    const answer = guard(async (user?: string) => user)
    expect([await answer(), await answer(undefined), await answer('ann')]).toEqual([undefined, undefined, 'ann'])
    expect(guard.policy.limiter.size).toBe(2)
  })

  it('says what to do where there are no arguments', async () => {
    const { policy } = withRateLimit({ keyed: (id: number) => id, capacity: 10 })
    await expect(policy.execute(() => 1)).rejects.toThrow(/acquire\(key\)/)
    await expect(pipeline(policy).execute(() => 1)).rejects.toThrow(/guarded function/)
    expect(await pipeline(policy).wrap((id: number) => id)(7)).toBe(7)
    expect(await withPolicy(policy)((id: number) => id)(8)).toBe(8)
    expect(policy.limiter.size).toBe(2)
  })

  it('refuses options that are wrong', () => {
    const untyped = withRateLimit as unknown as (options: object) => unknown
    const limiter = new KeyedRateLimiter({ capacity: 1 })
    expect(() => untyped({ keyed: 5, capacity: 10 })).toThrow(/^keyed must be a function/)
    expect(() => untyped({ keyed: () => 1 })).toThrow(/^capacity must be/)
    expect(() => untyped({ keyed: () => 1, capacity: 10, keyd: 1 })).toThrow(/did you mean 'keyed'/)
    expect(() => untyped({ keyed: () => 1, limiter, capacity: 10 })).toThrow(/not both/)
    expect(() => untyped({ keyed: () => 1, limiter: new RateLimiter() })).toThrow(/^limiter must be a KeyedRateLimiter/)
    expect(() => untyped({ keyed: () => 1, limiter: { acquire: () => undefined } })).toThrow(/another limiter by key/)
  })
})

describe('RateLimiter.all with a keyed limit', () => {
  function limits(perUserOptions: object = {}): { clock: FakeClock; rpm: RateLimiter; perUser: KeyedRateLimiter } {
    const clock = new FakeClock()
    return {
      clock,
      rpm: new RateLimiter({ requestsPerSecond: 10, burstSize: 5, clock }),
      perUser: new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 2, capacity: 100, clock, ...perUserOptions }),
    }
  }

  it('takes from all or from none', () => {
    const { rpm, perUser } = limits()
    const both = RateLimiter.all({ rpm, perUser })
    const ask = (key: string, tokens?: number): boolean =>
      both.tryAcquire({ rpm: 1, perUser: { key, tokens } }) !== false
    expect([ask('a'), ask('a'), ask('a'), ask('b', 2), ask('b')]).toEqual([true, true, false, true, false])
    expect(rpm.getAvailableTokens()).toBe(2)
    expect(perUser.stats()).toMatchObject({ allowed: 3, denied: 2 })
    rpm.tryAcquire(2)
    expect(ask('c')).toBe(false)
    expect(perUser.getAvailableTokens('c')).toBe(2)
  })

  it('waits for the slowest, and settles what the key really cost', async () => {
    const { clock, rpm, perUser } = limits()
    const both = RateLimiter.all({ rpm, perUser })
    const first = await both.acquire({ rpm: 1, perUser: { key: 'a', tokens: 2 } })
    const second = outcomeOf(clock, both.acquire({ rpm: 1, perUser: { key: 'a' } }))
    await clock.advance(1000)
    expect((await second).atMs).toBe(1000)
    first.settle({ perUser: { key: 'a', tokens: 1 } })
    expect(perUser.getAvailableTokens('a')).toBe(1)
    const third = both.tryAcquire({ perUser: { key: 'b' } })
    if (third === false) throw new Error('denied')
    third.settle({ perUser: { key: 'b', tokens: 5 } })
    expect(perUser.retryAfterMs('b')).toBe(4000)
  })

  it('gives everything back when one refuses', async () => {
    const { rpm, perUser } = limits({ maxWaitMs: 500 })
    const both = RateLimiter.all({ rpm, perUser })
    await both.acquire({ perUser: { key: 'a', tokens: 2 } })
    await expect(both.acquire({ rpm: 1, perUser: { key: 'a' } })).rejects.toMatchObject({
      code: 'ERR_RATE_LIMIT_EXCEEDED',
      retryAfterMs: 1000,
    })
    expect(rpm.getAvailableTokens()).toBe(5)
  })

  it('refuses costs that are wrong', () => {
    const { rpm, perUser } = limits()
    const both = RateLimiter.all({ rpm, perUser })
    const untyped = both as unknown as { tryAcquire(costs: object): { settle(actual: object): void } }
    for (const cost of [1, null])
      expect(() => untyped.tryAcquire({ perUser: cost })).toThrow(/^costs.perUser must be \{ key, tokens \}/)
    expect(() => untyped.tryAcquire({ perUser: { tokens: 1 } })).toThrow(
      /^costs.perUser.key must be a string, number or bigint; received undefined/,
    )
    expect(() => untyped.tryAcquire({ perUser: { key: 'a', tokens: -1 } })).toThrow(/^costs.perUser.tokens must be/)
    expect(() => untyped.tryAcquire({ perUser: { key: 'a', token: 1 } })).toThrow(/did you mean 'tokens'/)
    expect(() => untyped.tryAcquire({ rpm: { key: 'a' } })).toThrow(/^costs.rpm must be/)
    expect(() => untyped.tryAcquire({ perUser: { key: 'a', tokens: 3 } })).toThrow(RangeError)
    const permit = untyped.tryAcquire({ perUser: { key: 'a' } })
    expect(() => permit.settle({ perUser: { key: 'b', tokens: 2 } })).toThrow(/must be the key that was charged/)
    permit.settle({ perUser: { key: 'a', tokens: 2 } })
    expect(perUser.getAvailableTokens('a')).toBe(0)
  })
})
