import { describe, expect, it } from 'vitest'
import {
  KeyedRateLimiter,
  rateLimit,
  rateLimitedCall,
  RateLimiter,
  type RateLimitPolicy,
  withRateLimit,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

const dry = (clock: FakeClock, more: Partial<RateLimitPolicy> = {}) =>
  new RateLimiter({ requestsPerSecond: 1, burstSize: 2, dryRun: true, clock, ...more })

/** Settles at once, or the test fails: nothing moves the clock. */
const atOnce = (promises: readonly Promise<unknown>[]): Promise<unknown> => Promise.all(promises)

describe('a limiter in a dry run', () => {
  it('refuses nothing, takes what is there and counts what is not', async () => {
    const clock = new FakeClock()
    const limiter = dry(clock)
    expect([limiter.tryAcquire(), limiter.tryAcquire(1.5), limiter.tryAcquire()]).toEqual([true, true, true])
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 1 })
    expect(limiter.getAvailableTokens()).toBe(0)
    await clock.advance(1000)
    expect(limiter.tryAcquire()).toBe(true)
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 1 })
    expect(limiter.policy.dryRun).toBe(true)
  })

  it('has nobody wait, and tells nobody to', async () => {
    const waits: number[] = []
    const limiter = dry(new FakeClock(), { onWait: (ms) => waits.push(ms), maxWaitMs: 10 })
    await atOnce([limiter.acquire(2), limiter.acquire(), limiter.execute(() => 1), limiter.wrap(() => 2)()])
    limiter.acquireSync()
    const reservation = limiter.reserve(2)
    expect([reservation.waitMs, reservation.cancel()]).toEqual([0, 0])
    expect(limiter.retryAfterMs()).toBe(1000)
    expect(waits).toEqual([])
    expect(limiter.stats()).toEqual({ allowed: 1, denied: 5, waiting: 0, waitedMs: 0 })
  })

  it('gives a reservation back that it had the tokens for', () => {
    const limiter = dry(new FakeClock())
    const reservation = limiter.reserve(2)
    expect(limiter.getAvailableTokens()).toBe(0)
    expect(reservation.cancel()).toBe(2)
    expect(limiter.getAvailableTokens()).toBe(2)
  })

  it('counts a pause as a refusal', async () => {
    const clock = new FakeClock()
    const limiter = dry(clock)
    limiter.pauseFor(500)
    await atOnce([limiter.acquire()])
    expect(limiter.stats()).toMatchObject({ allowed: 0, denied: 1 })
  })

  it('hands out leases, and none of its tokens twice', () => {
    const limiter = dry(new FakeClock())
    using lease = limiter.lease({ size: 1 })
    expect([lease.tryAcquire(), lease.tryAcquire(), lease.tryAcquire()]).toEqual([true, true, true])
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 1 })
    expect(limiter.getAvailableTokens()).toBe(0)
  })

  it('still refuses what makes no sense, and a caller that has aborted', async () => {
    const limiter = dry(new FakeClock())
    expect(() => limiter.tryAcquire(3)).toThrow(RangeError)
    await expect(limiter.acquire(3)).rejects.toThrow(RangeError)
    await expect(limiter.acquire(1, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone')
    expect(() => new RateLimiter({ dryRun: 'yes' as unknown as boolean })).toThrow(
      'dryRun must be true or false; received "yes" (string)',
    )
  })

  it('stays one in a policy, a decorator, a handle and a single call', async () => {
    const options = { requestsPerSecond: 1, burstSize: 1, dryRun: true, clock: new FakeClock() }
    const policy = rateLimit(options)
    const guarded = withRateLimit({ ...options })(() => 1)
    await atOnce([policy.execute(() => 1), policy.execute(() => 1), guarded(), guarded()])
    const shared = new RateLimiter({ requestsPerSecond: 1, burstSize: 1, dryRun: true })
    const other = RateLimiter.from(structuredClone(shared.share()))
    expect([other.tryAcquire(), other.tryAcquire(), shared.tryAcquire()]).toEqual([true, true, true])
    expect([other.stats().denied, shared.stats().denied]).toEqual([1, 1])
    const call = { policy: options }
    await atOnce([rateLimitedCall(() => 1, call), rateLimitedCall(() => 1, call)])
  })

  it('of a name tries the limit out that others keep to', () => {
    const terms = { requestsPerSecond: 1e-6, burstSize: 2, name: 'unit dry run' }
    const real = new RateLimiter(terms)
    const tried = new RateLimiter({ ...terms, dryRun: true })
    expect([real.tryAcquire(), tried.tryAcquire(), tried.tryAcquire(), real.tryAcquire()]).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

describe('a keyed limiter in a dry run', () => {
  const keyed = (clock = new FakeClock()) =>
    new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 2, capacity: 100, dryRun: true, clock })

  it('refuses nothing, and counts', async () => {
    const limiter = keyed()
    expect(limiter.tryAcquire('a', 2) && limiter.tryAcquire('a') && limiter.tryAcquire('b')).toBe(true)
    await atOnce([limiter.acquire('a'), limiter.acquire('a', 2), limiter.acquire('b')])
    expect(limiter.stats()).toEqual({ allowed: 3, denied: 3, waiting: 0, waitedMs: 0 })
    expect(limiter.retryAfterMs('a')).toBe(1000)
    expect(() => limiter.tryAcquire('a', 3)).toThrow(RangeError)
  })

  it('stays one by its handle and around functions', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1, capacity: 100, dryRun: true })
    const other = KeyedRateLimiter.from(structuredClone(limiter.share()))
    expect([limiter.tryAcquire('a'), other.tryAcquire('a')]).toEqual([true, true])
    const guarded = withRateLimit({ keyed: (user: string) => user, limiter })((user: string) => user)
    await atOnce([guarded('a'), guarded('a')])
    expect(limiter.stats().denied).toBe(2)
  })

  it('lets a key through that finds no room', () => {
    const limiter = new KeyedRateLimiter({
      requestsPerSecond: 1,
      burstSize: 1,
      capacity: 1,
      onFull: 'deny',
      dryRun: true,
      clock: new FakeClock(),
    })
    for (let key = 0; key < 100; key++) expect(limiter.tryAcquire(key)).toBe(true)
    expect(limiter.stats().denied).toBeGreaterThan(0)
  })
})

describe('several limits, some in a dry run', () => {
  it('are refused by the others alone', async () => {
    const clock = new FakeClock()
    const real = new RateLimiter({ requestsPerSecond: 1, burstSize: 2, clock })
    const tried = new RateLimiter({ requestsPerSecond: 1, burstSize: 10, dryRun: true, clock })
    const both = RateLimiter.all({ real, tried })
    const first = both.tryAcquire({ real: 1, tried: 8 })
    expect(first).not.toBe(false)
    const second = await both.acquire({ real: 1, tried: 8 })
    expect(tried.stats()).toMatchObject({ allowed: 1, denied: 1 })
    expect(both.tryAcquire({ real: 1, tried: 1 })).toBe(false)
    expect(tried.getAvailableTokens()).toBe(2)
    // What was not charged is not corrected.
    second.settle({ tried: 1 })
    expect(tried.getAvailableTokens()).toBe(2)
    if (first !== false) first.settle({ tried: 5 })
    expect(tried.getAvailableTokens()).toBe(5)
    expect(() => both.tryAcquire({ real: 1, tried: 11 })).toThrow(RangeError)
    expect(real.getAvailableTokens()).toBe(0)
  })

  it('wait for the others, and take nothing before', async () => {
    const clock = new FakeClock()
    const real = new RateLimiter({ requestsPerSecond: 1, burstSize: 1, clock })
    const users = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1, capacity: 10, dryRun: true, clock })
    const both = RateLimiter.all({ real, users })
    await both.acquire({ real: 1, users: { key: 'a' } })
    const waiting = both.acquire({ real: 1, users: { key: 'b' } })
    expect(users.getAvailableTokens('b')).toBe(1)
    await clock.advance(1000)
    await waiting
    expect(users.getAvailableTokens('b')).toBe(0)
    expect(users.stats()).toMatchObject({ allowed: 2, denied: 0 })
  })
})
