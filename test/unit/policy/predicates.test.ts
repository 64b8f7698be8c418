import { describe, expect, test, vi } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  coalesce,
  fallback,
  KeyedRateLimiter,
  perKey,
  retry,
  timeout,
  withRateLimit,
} from 'amorsize'
import { chaos } from 'amorsize/testing'

const failing = (): Promise<never> => Promise.reject(new Error('on purpose'))

/** What a user's predicate may return in JavaScript, whatever the types say. */
const answers: readonly (readonly [unknown, boolean])[] = [
  [true, true],
  [1, true],
  ['yes', true],
  [{}, true],
  [false, false],
  [0, false],
  ['', false],
  [undefined, false],
  [null, false],
]

describe.each(answers)('an answer of %o is %s', (answer, isYes) => {
  const predicate = (): boolean => answer as boolean

  test.each([
    ['at once', predicate],
    ['by a promise', () => Promise.resolve(predicate())],
  ])('of retryIf, %s', async (_, retryIf) => {
    const fn = vi.fn(failing)
    await retry({ maxRetries: 1, initialDelayMs: 0, retryIf })
      .execute(fn)
      .catch(() => undefined)
    expect(fn).toHaveBeenCalledTimes(isYes ? 2 : 1)
  })

  test.each([
    ['at once', predicate],
    ['by a promise', () => Promise.resolve(predicate())],
  ])("of fallback's if, %s", async (_, condition) => {
    const call = fallback('substitute', { if: condition }).execute(failing)
    if (isYes) expect(await call).toBe('substitute')
    else await expect(call).rejects.toThrow('on purpose')
  })

  test('of retryIfResult', async () => {
    const fn = vi.fn(() => 'result')
    await retry({ maxRetries: 1, initialDelayMs: 0, retryIfResult: predicate })
      .execute(fn)
      .catch(() => undefined)
    expect(fn).toHaveBeenCalledTimes(isYes ? 2 : 1)
  })

  test('of isFailure and isFailureResult', async () => {
    const byError = circuitBreaker({ failureThreshold: 1, isFailure: predicate })
    await byError.execute(failing).catch(() => undefined)
    expect(byError.state).toBe(isYes ? 'open' : 'closed')
    const byResult = circuitBreaker({ failureThreshold: 1, isFailureResult: predicate })
    await byResult.execute(() => 'result')
    expect(byResult.state).toBe(isYes ? 'open' : 'closed')
  })
})

describe('a promise where nobody can wait for it', () => {
  const later = (() => Promise.reject(new Error('of the promise'))) as unknown as () => boolean
  const message = (name: string): string => `${name} must answer at once, with true or false; it returned a promise`

  test('is a TypeError that names the option', async () => {
    await expect(retry({ retryIfResult: later }).execute(() => 1)).rejects.toThrow(
      new TypeError(message('retryIfResult')),
    )
    await expect(circuitBreaker({ isFailure: later }).execute(failing)).rejects.toThrow(
      new TypeError(message('isFailure')),
    )
    await expect(circuitBreaker({ isFailureResult: later }).execute(() => 1)).rejects.toThrow(
      new TypeError(message('isFailureResult')),
    )
  })
})

describe('a function of the options that gives a promise which rejects', () => {
  const later = (): never => Promise.reject(new Error('of the promise')) as never
  const call = (): string => 'result'
  const limiter = new KeyedRateLimiter({ capacity: 16 })

  test.each<[string, () => unknown, string]>([
    ['delay of retry', () => retry({ delay: later }).execute(failing), 'what delay returns must be'],
    ['random of retry', () => retry({ random: later }).execute(failing), 'random must return a number'],
    ['the limit of timeout', () => timeout(later).execute(call), 'what the function given to timeout returns must be'],
    [
      'priority of bulkhead',
      () => bulkhead({ maxConcurrent: 1, priority: later }).execute(call),
      'what priority returns must',
    ],
    ['key of coalesce', () => coalesce({ key: later }).execute(call), 'key must answer at once'],
    ['keyed of withRateLimit', () => withRateLimit({ keyed: later, limiter })(call)(), 'key must be a string'],
    ['random of chaos', () => chaos({ errorRate: 1, random: later }).execute(call), 'random must return a number'],
    ['error of chaos', () => chaos({ errorRate: 1, error: later }).execute(call), 'error must answer at once'],
    ['keepIf of perKey', () => ['a', 'b'].map((key) => full.get(key)), 'keepIf must answer at once'],
  ])('is an error of the call alone: %s', async (_, made, message) => {
    const unhandled: unknown[] = []
    const hear = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', hear)
    await expect((async () => await made())()).rejects.toThrow(message)
    await new Promise(setImmediate)
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })

  const full = perKey((key: string) => ({ key }), { maxKeys: 1, keepIf: later })
})

test('an abort while retryIf is thinking: nothing is called again', async () => {
  const abort = new AbortController()
  const fn = vi.fn(failing)
  const call = retry({
    initialDelayMs: 0,
    retryIf: async () => {
      abort.abort(new Error('gone'))
      return true
    },
  }).execute(fn, { signal: abort.signal })
  await expect(call).rejects.toThrow('gone')
  await new Promise((resolve) => setImmediate(resolve))
  expect(fn).toHaveBeenCalledTimes(1)
})
