import { inspect } from 'node:util'
import {
  Bulkhead,
  KeyedRateLimiter,
  KeyedWindow,
  type Policy,
  RateLimiter,
  RetryBudget,
  bulkhead,
  circuitBreaker,
  coalesce,
  fallback,
  hedge,
  perKey,
  pipeline,
  rateLimit,
  retry,
  timeout,
  withRateLimit,
} from 'amorsize'
import * as amorsize from 'amorsize'
import * as bullmq from 'amorsize/bullmq'
import * as http from 'amorsize/http'
import * as metrics from 'amorsize/metrics'
import * as redis from 'amorsize/redis'
import * as testing from 'amorsize/testing'
import { describe, expect, it } from 'vitest'

const { chaos, FakeClock } = testing
const clock = new FakeClock()
const limiter = (): RateLimiter => new RateLimiter({ requestsPerSecond: 5, burstSize: 10, clock })

describe('console.log of an object whose state is private', () => {
  it('shows the limit and what is left of it', () => {
    const limited = limiter()
    limited.tryAcquire(3)
    expect(inspect(limited, { breakLength: Infinity })).toBe(
      'RateLimiter { requestsPerSecond: 5, burstSize: 10, availableTokens: 7, allowed: 1, denied: 0, waiting: 0, waitedMs: 0 }',
    )
  })

  it('shows a name and how far it reaches', () => {
    const named = new RateLimiter({ requestsPerSecond: 5, name: 'shown', clock })
    expect(inspect(named)).toContain("name: 'shown'")
    expect(inspect(named)).toContain("scope: 'process'")
  })

  it('shows the rate that is in force', () => {
    const limited = limiter()
    limited.update({ requestsPerSecond: 7 })
    expect(inspect(limited)).toContain('requestsPerSecond: 7')
  })

  it('never throws for what has been disposed', () => {
    const limited = limiter()
    const keyed = new KeyedRateLimiter({ requestsPerSecond: 1, capacity: 10 })
    const window = new KeyedWindow({ capacity: 10 })
    const slots = new Bulkhead({ maxConcurrent: 1 })
    const lease = limited.lease({ size: 4 })
    for (const each of [lease, limited, keyed, window, slots]) each[Symbol.dispose]()
    expect([lease, limited, keyed, window, slots].map((each) => inspect(each))).toEqual([
      'Lease { disposed: true }',
      'RateLimiter { disposed: true }',
      'KeyedRateLimiter { disposed: true }',
      'KeyedWindow { disposed: true }',
      'Bulkhead { disposed: true }',
    ])
    expect(inspect(RateLimiter.all({ rpm: limited }))).toBe('RateLimiterAll { rpm: RateLimiter { disposed: true } }')
  })

  it('shows keys, leases and limits put together', () => {
    const keyed = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 2, capacity: 10, clock })
    keyed.tryAcquire('a')
    expect(inspect(keyed)).toMatch(/^KeyedRateLimiter \{[^]*capacity: 10,\s+size: 1,\s+allowed: 1/)
    const lease = limiter().lease({ size: 4 })
    lease.tryAcquire()
    expect(inspect(lease)).toBe('Lease { size: 4, inHand: 3 }')
    const window = new KeyedWindow({ capacity: 10, clock })
    window.hit('a', { windowMs: 1000 })
    expect(inspect(window)).toBe('KeyedWindow { capacity: 10, size: 1 }')
    const all = RateLimiter.all({ rpm: limiter(), keyed })
    expect(inspect(all)).toMatch(/^RateLimiterAll \{\s+rpm: RateLimiter \{[^]*keyed: KeyedRateLimiter \{/)
  })

  it.each<[Policy | RetryBudget, string]>([
    [
      retry({ name: 'r', maxRetries: 2 }),
      "Retry { name: 'r', maxRetries: 2, calls: 0, retries: 0, recovered: 0, failed: 0 }",
    ],
    [timeout(20), "Timeout { timeoutMs: 20, strategy: 'aggressive', calls: 0, timedOut: 0 }"],
    [
      timeout(() => 5, { name: 't', strategy: 'cooperative' }),
      "Timeout { name: 't', timeoutMs: [Function (anonymous)], strategy: 'cooperative', calls: 0, timedOut: 0 }",
    ],
    [hedge({ afterMs: 5 }), 'Hedge { afterMs: 5, maxAttempts: 2, calls: 0, hedged: 0, won: 0 }'],
    [hedge({ afterMs: 5, name: 'h' }), "Hedge { name: 'h', afterMs: 5, maxAttempts: 2, calls: 0, hedged: 0, won: 0 }"],
    [fallback(1), 'Fallback { levels: 1, calls: 0, degraded: 0, failed: 0 }'],
    [fallback(1, { name: 'f' }), "Fallback { name: 'f', levels: 1, calls: 0, degraded: 0, failed: 0 }"],
    [
      chaos({ errorRate: 0.5 }),
      'Chaos { enabled: true, errorRate: 0.5, latencyMs: 0, latencyRate: 1, calls: 0, delayed: 0, failed: 0 }',
    ],
    [
      chaos({ name: 'x', enabled: false }),
      "Chaos { name: 'x', enabled: false, errorRate: 0, latencyMs: 0, latencyRate: 1, calls: 0, delayed: 0, failed: 0 }",
    ],
    [coalesce({ key: () => 1 }), 'Coalesce { calls: 0, joined: 0, underWay: 0 }'],
    [coalesce({ key: () => 1, name: 'c' }), "Coalesce { name: 'c', calls: 0, joined: 0, underWay: 0 }"],
    [
      bulkhead({ maxConcurrent: 3 }),
      'Bulkhead { maxConcurrent: 3, available: 3, calls: 0, running: 0, queued: 0, rejected: 0, timedOut: 0 }',
    ],
    [
      circuitBreaker(),
      "CircuitBreaker { state: 'closed', succeeded: 0, failed: 0, ignored: 0, rejected: 0, slow: 0, opened: 0 }",
    ],
    [
      new RetryBudget({ minPerSecond: 1, clock }),
      'RetryBudget { ratio: 0.2, minPerSecond: 1, ttlMs: 10000, available: 10 }',
    ],
  ])('shows a policy: %o', (policy, shown) => {
    expect(inspect(policy, { breakLength: Infinity })).toBe(shown)
  })

  it('shows what a policy has inside', () => {
    expect(inspect(rateLimit(limiter()))).toMatch(/^RateLimit \{\s+limiter: RateLimiter \{/)
    const byKey = withRateLimit({ keyed: (id: string) => id, requestsPerSecond: 1, capacity: 10 })((id: string) => id)
    expect(inspect(byKey.policy)).toMatch(/^KeyedRateLimit \{\s+limiter: KeyedRateLimiter \{/)
    expect(inspect(retry({ budget: new RetryBudget({ clock }) }))).toContain('budget: RetryBudget {')
    expect(inspect(pipeline(retry(), timeout(5)))).toMatch(/^Pipeline \{\s+policies: \[\s+Retry \{[^]*Timeout \{/)
  })

  it('shows things by key, and a clock', async () => {
    const breakers = perKey(() => circuitBreaker(), { maxKeys: 10 })
    breakers.get('a')
    expect(inspect(breakers)).toBe('PerKey { size: 1, maxKeys: 10 }')
    expect(inspect(perKey(() => 1, { maxKeys: 2, idleMs: 5 }))).toBe('PerKey { size: 0, maxKeys: 2, idleMs: 5 }')
    const own = new FakeClock()
    own.setTimeout(() => undefined, 5)
    await own.advance(2)
    expect(inspect(own)).toBe('FakeClock { now: 2, pendingTimers: 1 }')
  })

  it('is thought of in every class there is', () => {
    const classes = Object.entries({ ...amorsize, ...bullmq, ...http, ...metrics, ...redis, ...testing }).filter(
      ([name, value]) => /^[A-Z]/.test(name) && typeof value === 'function' && !(value.prototype instanceof Error),
    )
    expect(classes.length).toBeGreaterThan(15)
    const without = classes.filter(([, value]) => !(inspect.custom in (value as { prototype: object }).prototype))
    expect(without.map(([name]) => name)).toEqual([])
  })

  it('keeps to the depth and the colours asked for', () => {
    const all = pipeline(rateLimit(limiter()))
    expect(inspect(all, { depth: 0 })).toBe('Pipeline { policies: [Array] }')
    expect(inspect(all, { depth: 1 })).toBe('Pipeline { policies: [ [RateLimit] ] }')
    expect(inspect({ a: { all } }, { depth: 1 })).toContain('all: [Pipeline]')
    expect(inspect(retry(), { colors: true })).toContain('maxRetries: \u001B[33m3\u001B[39m')
  })

  it('does not change what is compared or written as JSON', () => {
    expect(JSON.stringify(retry())).toBe('{"kind":"retry"}')
    expect(Object.keys(retry())).toEqual(['kind'])
  })
})
