import {
  bulkhead,
  circuitBreaker,
  KeyedRateLimiter,
  pipeline,
  rateLimit,
  RateLimiter,
  retry,
  RetryBudget,
} from 'amorsize'
import { webLimit } from 'amorsize/http'
import { metricsText, registerNewObjects, registerObject } from 'amorsize/metrics'
import { RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { describe, expect, it, vi } from 'vitest'
import { valuesOf } from '../../support/metrics-values.js'

/** The labels that are told of, by what they have in common. */
const labelsOf = (family: string, text = metricsText({ machine: false })): string[] =>
  [...text.matchAll(new RegExp(`^amorsize_${family}\\{name="([^"]*)"`, 'gm'))].map(([, label]) => label!).sort()

describe('registerObject', () => {
  it('has metrics tell of an object until it is ended', () => {
    const limiter = new RateLimiter()
    const end = registerObject('uploads', limiter)
    expect(labelsOf('limiter_tokens')).toEqual(['uploads'])
    expect(() => registerObject('uploads', new RateLimiter())).toThrow(/already report another object as 'uploads'/)
    registerObject('uploads', limiter)()
    expect(labelsOf('limiter_tokens')).toEqual([])
    end()
  })

  it('tells of each object once, and of two that are called the same as two', () => {
    const [one, other] = [new RateLimiter(), new RateLimiter()]
    const ends = [registerObject('api', one), registerObject('api#2', other)]
    expect(labelsOf('limiter_tokens', metricsText({ objects: { mine: one }, machine: false }))).toEqual([
      'api#2',
      'mine',
    ])
    const third = new RateLimiter()
    expect(labelsOf('limiter_tokens', metricsText({ objects: { api: third }, machine: false }))).toEqual([
      'api',
      'api#2',
      'api#3',
    ])
    for (const end of ends) end()
  })

  it.each([
    [7, new RateLimiter(), 'label must be a string; received 7 (number)'],
    ['a', {}, 'object must be a limiter or policy with stats()'],
    ['a', null, 'object must be a limiter or policy with stats()'],
    ['a', pipeline(retry()), 'object must be a limiter or policy with stats()'],
  ])('refuses %j', (label, object, message) => {
    expect(() => registerObject(label as never, object as never)).toThrow(TypeError)
    expect(() => registerObject(label as never, object as never)).toThrow(message)
  })
})

describe('registerNewObjects', () => {
  it('has metrics tell of what is made from then on, by name or by kind and number', () => {
    const before = new RateLimiter()
    const end = registerNewObjects()
    const made = [
      new RateLimiter(),
      new RateLimiter({ name: 'registry-api' }),
      new RateLimiter({ name: 'registry-api' }),
      new KeyedRateLimiter({ requestsPerSecond: 1, capacity: 32 }),
      circuitBreaker(),
      bulkhead({ maxConcurrent: 2, name: 'registry-slots' }),
      retry(),
      new RetryBudget(),
      // Its parts are told of, not the whole; and of a policy around a limiter the limiter.
      pipeline(retry(), rateLimit({ requestsPerSecond: 5 })),
    ]
    end()
    const after = new RateLimiter()
    expect(labelsOf('limiter_decisions_total')).toEqual(
      ['keyed-limiter-1', 'limiter-1', 'limiter-2', 'registry-api', 'registry-api#2'].flatMap((label) => [
        label,
        label,
      ]),
    )
    expect(new Set(labelsOf('breaker_state'))).toEqual(new Set(['circuit-breaker-1']))
    expect(labelsOf('bulkhead_permits_limit')).toEqual(['registry-slots'])
    expect(labelsOf('retry_budget_retries')).toEqual(['retry-budget-1'])
    expect(new Set(labelsOf('policy_calls_total'))).toEqual(
      new Set(['circuit-breaker-1', 'registry-slots', 'retry-1', 'retry-2']),
    )
    expect([before, made, after]).toHaveLength(3)
  })

  it('has metrics tell of limiters over Redis', () => {
    const server = { send: () => Promise.reject(new Error('away')) }
    const end = registerNewObjects()
    const made = [RedisRateLimiter, RedisKeyedRateLimiter].map(
      (Limiter) => new Limiter(server, { name: 'registry-redis', requestsPerSecond: 1 }),
    )
    end()
    expect(labelsOf('limiter_round_trips_total')).toEqual(['registry-redis', 'registry-redis#2'])
    for (const limiter of made) limiter.close()
  })

  it('counts what one limit of a server refused as allowed by no other', async () => {
    const end = registerNewObjects()
    const limits = { burst: { requestsPerSecond: 1, burstSize: 9 }, daily: { requestsPerSecond: 1e-5, burstSize: 1 } }
    const answer = webLimit({ name: 'registry-http', key: () => 'k', limits }, () => new Response())
    end()
    for (let i = 0; i < 3; i++) await answer(new Request('http://example.org'))
    const values = valuesOf(metricsText({ machine: false }))
    const decided = ['burst', 'daily'].map((limit) =>
      ['acquired', 'refused'].map((outcome) => {
        const name = `registry-http%limit%${limit}`
        return values[`amorsize_limiter_decisions_total{name="${name}",scope="process",outcome="${outcome}"}`]
      }),
    )
    expect(decided).toEqual([
      ['1', '0'],
      ['1', '2'],
    ])
    expect(answer.stats()).toEqual({ allowed: 1, refused: 2, failed: 0 })
  })

  it('stops at as many as are wanted, and says so', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const end = registerNewObjects({ most: 1 })
    const made = [new RateLimiter({ name: 'one-too-many' })]
    end()
    expect(labelsOf('limiter_tokens')).not.toContain('one-too-many')
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('at most 1 objects'), {
      type: 'AmorsizeWarning',
      code: 'AMORSIZE_METRICS_FULL',
    })
    expect(made).toHaveLength(1)
    warn.mockRestore()
  })

  it.each([
    [{ most: 0 }, RangeError],
    [{ most: 100_001 }, RangeError],
    [{ most: 'all' }, TypeError],
    [{ mots: 5 }, TypeError],
  ])('refuses %j', (options, type) => {
    expect(() => registerNewObjects(options as never)).toThrow(type)
  })
})
