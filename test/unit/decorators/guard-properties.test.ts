import { afterEach, describe, expect, test } from 'vitest'
import { bulkhead, pipeline, RateLimiter, retry, timeout, withFallback, withRetry, withTimeout } from 'amorsize'

const symbol = Symbol('own')
type Fn = (() => Promise<number>) & Record<PropertyKey, unknown>

function odd(): Fn {
  const fn = (async () => 1) as unknown as Fn
  fn['plain'] = { of: 'mine' }
  fn[symbol] = 2
  Object.defineProperty(fn, 'hidden', { value: 3, enumerable: false })
  Object.defineProperty(fn, 'getter', { get: () => 4 })
  Object.defineProperty(fn, 'throws', {
    get: () => {
      throw new Error('read too early')
    },
  })
  return fn
}

const wrappers: readonly (readonly [string, (fn: Fn) => unknown])[] = [
  ['policy.wrap', (fn) => retry().wrap(fn)],
  ['pipeline.wrap', (fn) => pipeline(timeout(1000), bulkhead()).wrap(fn)],
  ['limiter.wrap', (fn) => new RateLimiter().wrap(fn)],
  ['withRetry()', (fn) => withRetry()(fn)],
  ['withRetry', (fn) => withRetry(fn)],
  ['two guards', (fn) => withRetry()(withTimeout(1000)(fn))],
  [
    'a decorator of experimentalDecorators',
    (fn) =>
      (withFallback(0) as unknown as (t: object, k: string, d: PropertyDescriptor) => { value: unknown })({}, 'fn', {
        value: fn,
        configurable: true,
      }).value,
  ],
]

describe.each(wrappers)('%s', (_, wrap) => {
  test('keeps own properties: symbols, getters and hidden ones', async () => {
    const fn = odd()
    const wrapped = wrap(fn) as Fn
    expect(wrapped['plain']).toBe(fn['plain'])
    expect(wrapped[symbol]).toBe(2)
    expect(wrapped['hidden']).toBe(3)
    expect(Object.getOwnPropertyDescriptor(wrapped, 'hidden')?.enumerable).toBe(false)
    expect(wrapped['getter']).toBe(4)
    expect(() => wrapped['throws']).toThrow('read too early')
    expect(wrapped.name).toBe(fn.name)
    expect(wrapped.length).toBe(fn.length)
    expect(await wrapped()).toBe(1)
  })

  test('takes frozen functions, bound ones, and proxies with traps that throw', async () => {
    const throwing = (): never => {
      throw new Error('trap')
    }
    const hostile = new Proxy(odd(), { ownKeys: throwing, getOwnPropertyDescriptor: throwing })
    for (const fn of [Object.freeze(odd()), odd().bind(null), hostile]) {
      const wrapped = wrap(fn) as Fn
      expect(await wrapped()).toBe(1)
      expect(await (wrap(Object.freeze(wrapped)) as Fn)()).toBe(1)
    }
  })
})

describe('reflect-metadata', () => {
  const reflect = Reflect as unknown as Record<string, unknown>
  afterEach(() => {
    for (const name of ['getOwnMetadataKeys', 'getOwnMetadata', 'defineMetadata']) Reflect.deleteProperty(reflect, name)
  })

  test.each(wrappers)('is kept by %s where a program has it', (_, wrap) => {
    const kept = new WeakMap<object, Map<unknown, unknown>>()
    reflect['getOwnMetadataKeys'] = (target: object) => [...(kept.get(target)?.keys() ?? [])]
    reflect['getOwnMetadata'] = (key: unknown, target: object) => kept.get(target)?.get(key)
    reflect['defineMetadata'] = (key: unknown, value: unknown, target: object) => {
      kept.set(target, (kept.get(target) ?? new Map()).set(key, value))
    }
    const fn = odd()
    kept.set(
      fn,
      new Map<unknown, unknown>([
        ['path', 'mixed'],
        ['guards', ['DenyAll']],
      ]),
    )
    const wrapped = wrap(fn) as Fn
    expect([...(kept.get(wrapped) ?? [])]).toEqual([
      ['path', 'mixed'],
      ['guards', ['DenyAll']],
    ])
  })
})

test('a wrapper of somebody else that copies all properties of a guarded function is not passed by', async () => {
  let calls = 0
  const guarded = withRetry()(async () => 1)
  const theirs = Object.defineProperties(async () => {
    calls++
    return guarded()
  }, Object.getOwnPropertyDescriptors(guarded))
  expect(await withTimeout(1000)(theirs)()).toBe(1)
  expect(calls).toBe(1)
})
