import {
  bulkhead,
  circuitBreaker,
  coalesce,
  type Policy,
  fallback,
  fallbackLevels,
  hedge,
  KeyedRateLimiter,
  pipeline,
  rateLimit,
  RateLimiter,
  retry,
  RetryBudget,
  timeout,
  withRateLimit,
} from '../../../dist/index.js'
import { areApart, sharePolicies, whyNotShared } from '../../../dist/execute/transfer/shared-policies.js'
import { chaos, FakeClock } from '../../../dist/testing/index.js'
import { describe, expect, it } from 'vitest'
import { addonForbidden, itWithAddon } from '../../support/native.js'
import { freshName } from '../../support/limiters.js'

const yes = (): boolean => true
const quiet = (): void => undefined

function heard<P extends { on(event: never, listener: () => void): unknown }>(policy: P, event: string): P {
  policy.on(event as never, quiet)
  return policy
}

function disposed<P extends Disposable>(policy: P): P {
  policy[Symbol.dispose]()
  return policy
}

describe('policies that go to workers', () => {
  const portable: [string, () => Policy][] = [
    ['a limiter', () => new RateLimiter()],
    ['rateLimit()', () => rateLimit({ requestsPerSecond: 5 })],
    ['a breaker', () => circuitBreaker({ window: { calls: 10, slowCallMs: 5 } })],
    [
      'a breaker whose transitions are listened to',
      () => heard(heard(circuitBreaker({ onOpen: quiet, onClose: quiet, onHalfOpen: quiet }), 'open'), 'close'),
    ],
    // As libraries keep settings.
    ['a breaker whose window is a Proxy', () => circuitBreaker({ window: new Proxy({ calls: 10 }, {}) })],
    ['a bulkhead', () => bulkhead({ maxQueue: 5 })],
    ['a retry', () => retry({ maxRetries: Infinity, maxDelayMs: 50, name: 'api' })],
    ['a retry with delays of its own', () => retry({ delay: [10, 20] })],
    ['a retry whose delays are a Proxy', () => retry({ delay: new Proxy([10, 20], {}) })],
    ['a timeout', () => timeout(50, { strategy: 'cooperative', name: 'api' })],
    ['a fallback', () => fallbackLevels([null, 'a', { list: [1, undefined, [2n]] }])],
    ['pipelines', () => pipeline(fallback(1), pipeline(pipeline(retry()), circuitBreaker()), rateLimit())],
  ]

  it.each(portable)('%s, as what can be cloned', (_, make) => {
    expect(whyNotShared([make()])).toBeUndefined()
    const sent = sharePolicies([make()])
    expect(structuredClone(sent)).toEqual(sent)
  })

  itWithAddon('a bulkhead, and what is shared by name', () => {
    const named = { name: freshName() }
    const budget = new RetryBudget({ ratio: 0.5, ...named })
    const policies = [
      new RateLimiter(named),
      circuitBreaker(named),
      bulkhead({ maxConcurrent: 3, maxQueue: 5, ...named }),
      bulkhead(),
    ]
    expect(whyNotShared(policies)).toBeUndefined()
    expect(structuredClone(sharePolicies(policies))).toEqual(sharePolicies(policies))
    const budgets = [retry({ budget }), retry({ budget: new RetryBudget() })]
    expect(whyNotShared(budgets)).toBeUndefined()
    const sent = sharePolicies(budgets)
    expect(sent[0]).toMatchObject({
      handle: {
        kind: 'retry',
        options: {},
        budget: { options: { ratio: 0.5, minPerSecond: 10, ttlMs: 10_000, scope: 'process', ...named } },
      },
    })
    expect(structuredClone(sent)).toEqual(sent)
  })

  it('are sent outermost first, without the pipelines around them', () => {
    const breaker = circuitBreaker()
    const sent = sharePolicies([
      timeout(9),
      pipeline(retry({ maxRetries: 1 }), pipeline(breaker, rateLimit())),
      fallback(0),
    ])
    expect(sent.map(({ handle }) => handle.kind)).toEqual([
      'timeout',
      'retry',
      'circuitBreaker',
      'rateLimit',
      'fallback',
    ])
    expect(sent[0]!.handle).toEqual({ kind: 'timeout', timeoutMs: 9, options: {} })
    expect(sent[1]!.handle).toEqual({ kind: 'retry', options: { maxRetries: 1 }, budget: undefined })
  })

  it('keep the number by which workers know them', () => {
    const breaker = circuitBreaker()
    const limiter = new RateLimiter()
    const [first, second] = [
      sharePolicies([breaker, limiter, retry()]),
      sharePolicies([pipeline(rateLimit(limiter), breaker)]),
    ]
    expect(second.map(({ id }) => id)).toEqual([first[1]!.id, first[0]!.id])
    expect(new Set([...first, ...second].map(({ id }) => id)).size).toBe(3)
  })
})

describe('a substitute of a fallback', () => {
  class Own {
    readonly field = 1
  }
  /** An array in an array … `levels` deep. */
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
  const cyclic: unknown[] = []
  cyclic.push(cyclic)

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'a'],
    ['NaN', NaN],
    ['a bigint', 2n],
    ['false', false],
    ['an empty array', []],
    ['objects and arrays in each other', [{ a: [1, { b: 'c' }] }]],
    ['an array that lacks an item and has a field', Object.assign([], { 1: 1, field: 2 })],
    ['a length that is data', { length: 3 }],
    ['eight arrays in each other', nested(8)],
  ])('goes to workers: %s', (_, substitute) => {
    expect(whyNotShared([fallback(substitute)])).toBeUndefined()
    const sent = sharePolicies([fallbackLevels([substitute, 1], { name: 'spare' })])
    expect(structuredClone(sent[0]!.handle)).toEqual({
      kind: 'fallback',
      levels: [substitute, 1],
      options: { name: 'spare' },
    })
  })

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('one')],
    ['an object of a class', new Own()],
    ['an array of a class', new (class extends Array<number> {})()],
    ['an object without a prototype', Object.create(null)],
    ['a map', new Map()],
    ['one among others in an array', [1, new Date(0), 2]],
    ['one among others in an object', { a: 1, b: new Date(0), c: 2 }],
    ['a Proxy', new Proxy({ a: 1 }, {})],
    ['a Proxy of an array within another', [new Proxy([1], {})]],
    ['a length that is no number', { length: new Date(0) }],
    ['a field of an array', Object.assign([1], { field: new Date(0) })],
    ['a key that is a symbol', { [Symbol('key')]: 1 }],
    ['a field that is hidden', Object.defineProperty({}, 'hidden', { value: 1 })],
    [
      'a getter',
      {
        get field() {
          return 1
        },
      },
    ],
    ['nine arrays in each other', nested(9)],
    ['an array in itself', cyclic],
  ])('stays: %s', (_, substitute) => {
    const reason = 'has a substitute that other threads would not receive as it is'
    expect(whyNotShared([fallback(substitute)])).toBe(`the fallback ${reason}`)
    expect(whyNotShared([fallbackLevels([1, substitute, 2], { name: 'spare' })])).toBe(`the fallback 'spare' ${reason}`)
  })
})

describe('policies that make of an item what they would without the others', () => {
  const limiter = new RateLimiter()
  it.each<[string, boolean, Policy[]]>([
    ['none', true, []],
    ['a retry', true, [retry()]],
    ['a retry with a budget', false, [retry({ budget: new RetryBudget() })]],
    ['a retry for so long', false, [retry({ maxElapsedMs: 50 })]],
    ['a timeout and a fallback', true, [fallback(1), timeout(50)]],
    ['a limiter that has all wait', true, [limiter, retry(), rateLimit(limiter)]],
    ['one that refuses', false, [new RateLimiter({ waitOnLimit: false })]],
    ['one that lets wait so long', false, [rateLimit({ maxWaitMs: 50 })]],
    ['one that lets so many wait', false, [rateLimit({ maxQueue: 5 })]],
    ['one within a timeout', false, [timeout(50), limiter]],
    ['one around a timeout', true, [limiter, timeout(50)]],
    ['a bulkhead', true, [bulkhead()]],
    ['one that lets so many wait in its line', false, [bulkhead({ maxQueue: 5 })]],
    ['one that lets wait so long in its line', false, [bulkhead({ maxWaitMs: 50 })]],
    ['one within a timeout of a pipeline', false, [pipeline(timeout(50), retry()), bulkhead()]],
    ['a circuit breaker', false, [retry(), pipeline(circuitBreaker(), timeout(50))]],
    [
      'one of others',
      false,
      [{ execute: async (fn) => fn({ signal: AbortSignal.abort() }), wrap: (fn) => fn as never }],
    ],
  ])('%s: %s', (_, expected, policies) => {
    expect(areApart(policies)).toBe(expected)
  })
})

describe('policies that stay in this thread', () => {
  const clock = new FakeClock()
  it.each<[() => Policy, string]>([
    [() => retry({ retryIf: yes }), 'the retry has retryIf, a function of this thread'],
    [() => retry({ retryIfResult: yes, name: 'api' }), "the retry 'api' has retryIfResult, a function of this thread"],
    [() => retry({ onRetry: quiet }), 'the retry has onRetry, a function of this thread'],
    [() => retry({ random: () => 0.5 }), 'the retry has random, a function of this thread'],
    [() => retry({ clock }), 'the retry has a clock of its own, which is an object of this thread'],
    [() => heard(retry(), 'gaveUp'), 'the retry has a listener in this thread, which would not hear of workers'],
    [
      () => retry({ budget: new RetryBudget({ clock }) }),
      'the retry budget has a clock of its own, which is an object of this thread',
    ],
    [() => circuitBreaker({ isFailure: yes }), 'the circuit breaker has isFailure, a function of this thread'],
    [
      () => circuitBreaker({ isFailureResult: yes }),
      'the circuit breaker has isFailureResult, a function of this thread',
    ],
    [() => circuitBreaker({ clock }), 'the circuit breaker has a clock of its own, which is an object of this thread'],
    [
      () => heard(circuitBreaker(), 'rejected'),
      'the circuit breaker has a listener in this thread, which would not hear of workers',
    ],
    [
      () => heard(circuitBreaker(), 'success'),
      'the circuit breaker has a listener in this thread, which would not hear of workers',
    ],
    [() => bulkhead({ priority: () => 1 }), 'the bulkhead has priority, a function of this thread'],
    [() => bulkhead({ clock }), 'the bulkhead has a clock of its own, which is an object of this thread'],
    [() => heard(bulkhead(), 'queued'), 'the bulkhead has a listener in this thread, which would not hear of workers'],
    [() => disposed(bulkhead()), 'the bulkhead has been disposed'],
    [() => timeout(5, { clock }), 'the timeout has a clock of its own, which is an object of this thread'],
    [() => heard(timeout(5), 'timeout'), 'the timeout has a listener in this thread, which would not hear of workers'],
    [() => fallback(1, { if: yes }), 'the fallback has if, a function of this thread'],
    [() => fallback(() => 1, { if: yes }), 'the fallback has if, a function of this thread'],
    [() => fallback(1, { onDegraded: quiet }), 'the fallback has onDegraded, a function of this thread'],
    [
      () => heard(fallback(1), 'degraded'),
      'the fallback has a listener in this thread, which would not hear of workers',
    ],
    [() => new RateLimiter({ clock }), 'the limiter has a clock of its own, which is an object of this thread'],
    [() => rateLimit({ onWait: quiet }), 'the limiter has onWait, a function of this thread'],
    [() => heard(rateLimit(), 'waiting'), 'the limiter has a listener in this thread, which would not hear of workers'],
    [() => disposed(new RateLimiter()), 'the limiter has been disposed'],
    [
      () => hedge({ afterMs: 5 }),
      'the hedge runs the attempts of one thread beside each other, and is not for workers',
    ],
    [() => chaos(), 'chaos is switched on and off in this thread, which workers would not hear of'],
    [() => coalesce({ key: () => 1 }), 'coalesce joins calls of one thread, by a key function of this thread'],
    [() => timeout(() => 5, { name: 'api' }), "the timeout 'api' has timeoutMs, a function of this thread"],
    [
      () => withRateLimit({ keyed: () => 'a', limiter: new KeyedRateLimiter({ capacity: 8 }) })(quiet).policy,
      'the limit by key has keyed, a function of this thread',
    ],
    [
      () => ({ execute: async (fn) => fn({ signal: AbortSignal.abort() }), wrap: (fn) => fn as never }),
      'a policy that is not of this package, or of another copy of it, is an object of this thread',
    ],
  ])('%s: %s', (make, reason) => {
    expect(whyNotShared([make()])).toBe(reason)
    expect(whyNotShared([timeout(10), pipeline(retry(), pipeline(make()))])).toBe(reason)
  })

  it('are not sent by mistake', () => {
    expect(() => sharePolicies([hedge({ afterMs: 5 })])).toThrow(TypeError)
  })

  it('a policy whose listeners have gone may leave', () => {
    const policy = retry()
    const stop = policy.on('retry', quiet)
    expect(whyNotShared([policy])).toBeDefined()
    stop()
    expect(whyNotShared([policy])).toBeUndefined()
  })

  it.runIf(addonForbidden)('without the addon: what is shared by name (needs AMORSIZE_NATIVE=0)', () => {
    expect(whyNotShared([bulkhead({ name: freshName() })])).toContain('needs the native addon')
    expect(whyNotShared([circuitBreaker({ name: freshName() })])).toContain('needs the native addon')
    expect(whyNotShared([retry({ budget: new RetryBudget() })])).toBeUndefined()
    expect(whyNotShared([new RateLimiter({ name: freshName() })])).toContain('needs the native addon')
  })
})
