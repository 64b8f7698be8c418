import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  pipeline,
  RateLimiter,
  retry,
  timeout,
  withBulkhead,
  withCircuitBreaker,
  withFallback,
  withPolicy,
  withRateLimit,
  withRetry,
  withTimeout,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

const context = {
  kind: 'method',
  name: 'load',
  static: false,
  private: false,
  access: {},
  metadata: {},
  addInitializer: () => undefined,
}
const descriptor = { writable: true, enumerable: false, configurable: true }

/** What differs between the guards; how they tell their forms apart is tested with the factory. */
interface Case {
  name: string
  factory: (...args: unknown[]) => (...args: unknown[]) => unknown
  options: unknown[]
  existing: { kind: string }
  kind: string
}

const cases = [
  {
    name: 'withRateLimit',
    factory: withRateLimit,
    options: [{ requestsPerSecond: 1000 }],
    existing: new RateLimiter(),
    kind: 'rate-limit',
  },
  { name: 'withRetry', factory: withRetry, options: [{ maxRetries: 1 }], existing: retry(), kind: 'retry' },
  {
    name: 'withBulkhead',
    factory: withBulkhead,
    options: [{ maxConcurrent: 2 }],
    existing: bulkhead(),
    kind: 'bulkhead',
  },
  {
    name: 'withCircuitBreaker',
    factory: withCircuitBreaker,
    options: [{ failureThreshold: 1 }],
    existing: circuitBreaker(),
    kind: 'circuit-breaker',
  },
  { name: 'withTimeout', factory: withTimeout, options: [50], existing: timeout(50), kind: 'timeout' },
  { name: 'withTimeout', factory: withTimeout, options: [{ timeoutMs: 50 }], existing: timeout(50), kind: 'timeout' },
  { name: 'withFallback', factory: withFallback, options: ['spare'], existing: fallback(1), kind: 'fallback' },
  {
    name: 'withFallback',
    factory: withFallback,
    options: [() => 'spare', {}],
    existing: fallback(1),
    kind: 'fallback',
  },
] as unknown as Case[]

interface Guarded {
  (a: number, b: number): Promise<number>
  policy: { kind: string }
}

describe.each(cases)('$name($options)', ({ name, factory, options, existing, kind }) => {
  function load(this: { base: number }, a: number, b: number): number {
    return this.base + a + b
  }
  async function check(guarded: Guarded): Promise<void> {
    expect([guarded.name, guarded.length, guarded.policy.kind]).toEqual(['load', 2, kind])
    expect(await guarded.call({ base: 1 }, 2, 3)).toBe(6)
  }

  it('wraps a function', async () => {
    await check(factory(...options)(load) as Guarded)
    await check(factory(existing)(load) as Guarded)
    expect((factory(existing)(load) as Guarded).policy).toBe(existing)
  })

  it('decorates a method, standard', async () => {
    await check(factory(...options)(load, context) as Guarded)
    await check(factory(load, context) as unknown as Guarded)
  })

  it('decorates a method, legacy', async () => {
    const legacy = { ...descriptor, value: load }
    await check((factory(...options)({}, 'load', legacy) as PropertyDescriptor).value as Guarded)
    await check((factory({}, 'load', legacy) as unknown as PropertyDescriptor).value as Guarded)
  })

  it('refuses a policy of another kind', () => {
    const other = kind === 'retry' ? timeout(1) : retry()
    expect(() => factory(other)).toThrow(`${name} takes a policy of kind '${kind}'`)
  })
})

describe('defaults without parentheses', () => {
  const fn = (): Promise<void> => Promise.resolve()

  it.each([
    ['withRateLimit', withRateLimit(fn).policy, new RateLimiter()],
    ['withRetry', withRetry(fn).policy, retry()],
    ['withCircuitBreaker', withCircuitBreaker(fn).policy, circuitBreaker()],
    ['withBulkhead', withBulkhead(fn).policy, bulkhead()],
    ['withTimeout', withTimeout(fn).policy, timeout(30_000)],
  ])('%s(fn) is what its policy is without options', (_, policy, made) => {
    expect(inspect(policy)).toBe(inspect(made))
  })

  it('withRetry retries three times', async () => {
    let calls = 0
    const fail = (): Promise<never> => (calls++, Promise.reject(new Error('always')))
    await expect(withRetry({ initialDelayMs: 0 })(fail)()).rejects.toMatchObject({ attempts: 4 })
    expect(calls).toBe(4)
  })

  it('withFallback(fn) is a guard with fn as the substitute, not a guarded fn', async () => {
    const guard = withFallback(() => 'substitute')
    const guarded = guard(() => Promise.reject(new Error('always')))
    expect(await guarded()).toBe('substitute')
  })
})

describe('withRateLimit by key', () => {
  async function load(id: number): Promise<number> {
    return Promise.resolve(id)
  }
  const guard = () =>
    withRateLimit({ keyed: (id: number) => id, requestsPerSecond: 1, burstSize: 1, capacity: 10, waitOnLimit: false })
  type Load = typeof load

  it.each([
    ['a function', () => guard()(load)],
    ['a method, standard', () => guard()(load, context as never) as Load],
    ['a method, legacy', () => (guard()({}, 'load', { ...descriptor, value: load }) as { value: Load }).value],
  ])('limits each key of %s', async (_, guarded) => {
    const calls = guarded()
    expect(await Promise.all([calls(1), calls(2)])).toEqual([1, 2])
    await expect(calls(1)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED' })
  })
})

describe('withTimeout', () => {
  it('takes its options beside the time or with it', async () => {
    for (const guard of [
      (clock: FakeClock) => withTimeout(50, { strategy: 'cooperative', clock }),
      (clock: FakeClock) => withTimeout({ timeoutMs: 50, strategy: 'cooperative', clock }),
    ]) {
      const clock = new FakeClock()
      const outcome = outcomeOf(
        clock,
        guard(clock)(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 80)))(),
      )
      await clock.advance(100)
      expect(await outcome).toMatchObject({ atMs: 80, error: { code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 50 } })
    }
    expect(() => withTimeout({ timeout: 5 } as never)).toThrow(
      /unknown withTimeout option 'timeout'.*did you mean 'timeoutMs'/,
    )
    expect(() => withTimeout(0)).toThrow(RangeError)
  })
})

describe('withPolicy', () => {
  it('guards with any policy and refuses what is none', async () => {
    const policy = pipeline(fallback('spare'), retry({ maxRetries: 0 }))
    const guarded = withPolicy(policy)(() => Promise.reject(new Error('always')))
    expect(await guarded()).toBe('spare')
    expect(guarded.policy).toBe(policy)
    expect(() => withPolicy({} as never)).toThrow(TypeError)
  })
})
