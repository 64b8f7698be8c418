import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type KeyedRateLimit,
  pipeline,
  type RateLimit,
  RateLimitExceeded,
  rateLimit,
  RateLimiter,
  retry,
  timeout,
  withPolicy,
  withRateLimit,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { failing, outcomeOf } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'

function fixture(options: { waitOnLimit?: boolean } = {}) {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock, ...options })
  return { clock, limiter }
}

describe('rateLimit', () => {
  it('has calls wait for their turn', async () => {
    const { clock, limiter } = fixture()
    const fn = failing(clock, 0)
    const policy = rateLimit(limiter)
    const outcomes = [1, 2, 3].map(() => outcomeOf(clock, policy.execute(fn)))
    await clock.advance(1000)
    await Promise.all(outcomes)
    expect(fn.calledAt).toEqual([0, 100, 200])
    expect(policy.limiter).toBe(limiter)
    expect(policy.stats()).toEqual({ allowed: 3, denied: 0, waiting: 0, waitedMs: 300 })
  })

  it('makes a limiter of options', async () => {
    const clock = new FakeClock()
    const fn = failing(clock, 0)
    const policy = rateLimit({ requestsPerSecond: 1, burstSize: 1, clock })
    const outcomes = [1, 2].map(() => outcomeOf(clock, policy.execute(fn)))
    await clock.advance(1000)
    await Promise.all(outcomes)
    expect(fn.calledAt).toEqual([0, 1000])
    expect(() => rateLimit({ requestsPerSecond: -1 })).toThrow(RangeError)
    expect(() => rateLimit({ requestsPerSeconds: 1 } as never)).toThrow(TypeError)
  })

  it('charges each attempt of a retry outside it', async () => {
    const { clock, limiter } = fixture()
    const fn = failing(clock, 2)
    const outcome = outcomeOf(clock, pipeline(retry({ initialDelayMs: 0, clock }), limiter).execute(fn))
    await clock.advance(1000)
    expect((await outcome).value).toBe('done')
    expect(fn.calledAt).toEqual([0, 100, 200])
  })

  it('refuses where the limiter does not wait, and a retry comes back when told', async () => {
    const { clock, limiter } = fixture({ waitOnLimit: false })
    const policy = rateLimit(limiter)
    const heard: unknown[] = []
    policy.on('refused', ({ error }) => heard.push(error.retryAfterMs))
    await policy.execute(() => 1)
    const refused = await policy.execute(() => 1).catch((error: unknown) => error)
    expect(RateLimitExceeded.is(refused)).toBe(true)
    expect(heard).toEqual([100])
    const outcome = outcomeOf(
      clock,
      pipeline(retry({ jitter: 'none', initialDelayMs: 1, clock }), policy).execute(() => 'in time'),
    )
    await clock.advance(1000)
    expect(await outcome).toEqual({ value: 'in time', atMs: 100 })
  })

  it('gives the token back when the caller aborts, or a time-out ends the wait, and does not call', async () => {
    const { clock, limiter } = fixture()
    const fn = failing(clock, 0)
    const controller = new AbortController()
    await limiter.acquire()
    // The later turn is given back first: only what nobody has reserved behind can be given back.
    const late = outcomeOf(clock, pipeline(timeout(50, { clock }), limiter).execute(fn))
    const aborted = outcomeOf(clock, pipeline(limiter).execute(fn, { signal: controller.signal }))
    await clock.advance(20)
    controller.abort('enough')
    expect(await aborted).toEqual({ error: 'enough', atMs: 20 })
    await clock.advance(30)
    expect(await late).toMatchObject({ atMs: 50, error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(clock.pendingTimers).toBe(0)
    const next = outcomeOf(clock, pipeline(limiter).execute(fn))
    await clock.advance(50)
    expect((await next).atMs).toBe(100)
    expect(fn.calledAt).toEqual([100])
  })
})

describe('who listens to a rate limit', () => {
  const kinds: [string, (clock: FakeClock, waitOnLimit: boolean) => RateLimit | KeyedRateLimit][] = [
    [
      'one for all',
      (clock, waitOnLimit) =>
        rateLimit({ requestsPerSecond: 10, burstSize: 1, clock, waitOnLimit, name: `${freshName()} api` }),
    ],
    [
      'one by key',
      (clock, waitOnLimit) =>
        withRateLimit({
          ...{ requestsPerSecond: 10, burstSize: 1, capacity: 10, clock, waitOnLimit, name: `${freshName()} api` },
          keyed: () => 'a',
        })(() => 1).policy,
    ],
  ]

  const listenTo = (policy: RateLimit | KeyedRateLimit): unknown[] => {
    const heard: unknown[] = []
    policy.on('waiting', ({ limiterName }) => heard.push(`waiting ${limiterName?.split(' ')[1]}`))
    policy.on('refused', ({ error }) => heard.push(error.code))
    return heard
  }

  it.each(kinds)('hears who waits, and not of those that need not: %s', async (_, make) => {
    const clock = new FakeClock()
    const policy = make(clock, true)
    const heard = listenTo(policy)
    const calls = [1, 2].map(() => outcomeOf(clock, policy.wrap(() => 1)()))
    await clock.advance(100)
    expect(await Promise.all(calls)).toEqual([
      { value: 1, atMs: 0 },
      { value: 1, atMs: 100 },
    ])
    expect(heard).toEqual(['waiting api'])
  })

  it.each(kinds)('hears that one was refused, not that it waits: %s', async (_, make) => {
    const clock = new FakeClock()
    const policy = make(clock, false)
    const heard = listenTo(policy)
    const guarded = policy.wrap(() => 1)
    await guarded()
    await expect(guarded()).rejects.toThrow(RateLimitExceeded)
    expect(heard).toEqual(['ERR_RATE_LIMIT_EXCEEDED'])
  })

  it.each(kinds)('hears of no refusal where a time limit ends the wait: %s', async (_, make) => {
    const clock = new FakeClock()
    const policy = make(clock, true)
    const heard = listenTo(policy)
    const guarded = pipeline(timeout(50, { clock }), policy).wrap(() => 1)
    const calls = [1, 2].map(() => outcomeOf(clock, guarded()))
    await clock.advance(50)
    expect(await calls[1]).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(heard).toEqual(['waiting api'])
  })
})

describe('a rate limit within a timeout, the canonical order', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it.each(['one for all', 'one by key'])('makes a signal only for a call that has to wait: %s', async (kind) => {
    const { clock, limiter } = fixture()
    const limit =
      kind === 'one for all'
        ? rateLimit(limiter)
        : withRateLimit({ keyed: () => 'a', requestsPerSecond: 10, burstSize: 1, capacity: 10, clock })(() => 1).policy
    const guarded = pipeline(timeout(1000, { clock }), limit).wrap(() => 'done')
    let made = 0
    class Counted extends AbortController {
      constructor() {
        super()
        made++
      }
    }
    vi.stubGlobal('AbortController', Counted)
    expect(await guarded()).toBe('done')
    expect(made).toBe(0)
    const waiting = outcomeOf(clock, guarded())
    await clock.advance(100)
    expect(await waiting).toMatchObject({ value: 'done', atMs: 100 })
    expect(made).toBe(1)
  })
})

describe('withRateLimit', () => {
  it('limits a function by options, by a shared limiter, or with the defaults', async () => {
    const { clock, limiter } = fixture()
    const fn = failing(clock, 0)
    const one = withRateLimit(limiter)(fn)
    const two = withPolicy(limiter)(fn)
    expect([one.policy, two.policy]).toEqual([limiter, limiter])
    const outcomes = [outcomeOf(clock, one()), outcomeOf(clock, two())]
    await clock.advance(1000)
    await Promise.all(outcomes)
    expect(fn.calledAt).toEqual([0, 100])
    expect(withRateLimit(fn).policy.policy.requestsPerSecond).toBe(10)
    expect(withRateLimit({ requestsPerSecond: 3 })(fn).policy.policy.requestsPerSecond).toBe(3)
    expect(withRateLimit(rateLimit(limiter))(fn).policy.limiter).toBe(limiter)
    expect(() => withRateLimit(retry() as never)).toThrow(/kind 'rate-limit'/)
  })
})
