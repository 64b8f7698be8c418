import { describe, expect, test } from 'vitest'
import { bulkhead, circuitBreaker, hedge, pipeline, type Policy, retry, timeout, TimeoutExceededError } from 'amorsize'

async function failing(): Promise<never> {
  await new Promise((resolve) => setImmediate(resolve))
  throw new Error('on purpose')
}

const policies: readonly (readonly [string, Policy])[] = [
  ['timeout', timeout(1000)],
  ['hedge', hedge({ afterMs: 1000 })],
  ['retry', retry({ retryIf: () => false })],
  ['breaker and bulkhead', pipeline(circuitBreaker(), bulkhead())],
  [
    'all of them',
    pipeline(timeout(5000), retry({ retryIf: () => false }), hedge({ afterMs: 1000 }), bulkhead(), timeout(1000)),
  ],
]

describe.each(policies)('the stack of an error through %s', (_, policy) => {
  test('names who called', async () => {
    async function theCaller(): Promise<unknown> {
      return await policy.execute(failing)
    }
    const error = (await theCaller().catch((thrown: unknown) => thrown)) as Error
    expect(error.stack).toContain('theCaller')
  })

  test('names who called with a signal', async () => {
    async function theCaller(): Promise<unknown> {
      return await policy.execute(failing, { signal: new AbortController().signal })
    }
    const error = (await theCaller().catch((thrown: unknown) => thrown)) as Error
    expect(error.stack).toContain('theCaller')
  })
})

test('our own errors have names in words', () => {
  const error = new TimeoutExceededError('late', { timeoutMs: 1 })
  expect(error.name).toBe('TimeoutExceededError')
  class Mine extends TimeoutExceededError {}
  expect(new Mine('late', { timeoutMs: 1 }).name).toBe('Mine')
})
