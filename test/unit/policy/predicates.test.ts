import { describe, expect, test, vi } from 'vitest'
import { circuitBreaker, fallback, retry } from 'amorsize'

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
