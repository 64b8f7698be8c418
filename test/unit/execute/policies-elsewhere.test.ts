// What workers make of the policies of a run, here in the same thread: one whose state is shared is the same, others do the same.
import { describe, expect, it, vi } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  pipeline,
  type Policy,
  rateLimit,
  RateLimiter,
  retry,
  RetryBudget,
  timeout,
} from '../../../dist/index.js'
import { sharePolicies } from '../../../dist/execute/transfer/shared-policies.js'
import { policyFromHandle } from '../../../dist/policy/policy-from-handle.js'
import { addonForbidden } from '../../support/native.js'

function elsewhere(policy: Policy): Policy[] {
  return sharePolicies([policy]).map(({ handle }) => policyFromHandle(structuredClone(handle)))
}

const fail = (): never => {
  throw new Error('down')
}

describe('a policy that has come to another thread', () => {
  it.each(['a limiter', 'rateLimit()'])('%s takes tokens of the same bucket', async (what) => {
    const limiter = new RateLimiter({ requestsPerSecond: 0.001, burstSize: 2 })
    const [there] = elsewhere(what === 'a limiter' ? limiter : rateLimit(limiter))
    expect(await there!.execute(() => 1)).toBe(1)
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, false])
  })

  it('a circuit breaker opens for all', async () => {
    const policy = circuitBreaker({ failureThreshold: 1 })
    await expect(elsewhere(policy)[0]!.execute(fail)).rejects.toThrow('down')
    expect(policy.state).toBe('open')
  })

  it('a bulkhead has the same slots', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 0 })
    using slot = await policy.acquire()
    await expect(elsewhere(policy)[0]!.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED' })
    expect(slot).toBeDefined()
  })

  it('a retry calls as often', async () => {
    const failing = vi.fn(fail)
    const [there] = elsewhere(retry({ maxRetries: 2, initialDelayMs: 0 }))
    await expect(there!.execute(failing)).rejects.toMatchObject({ code: 'ERR_RETRY_EXHAUSTED' })
    expect(failing).toHaveBeenCalledTimes(3)
  })

  it.skipIf(addonForbidden)('a retry takes what it takes of the same budget (needs the addon)', async () => {
    const failing = vi.fn(fail)
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.1, ttlMs: 10_000 })
    const [bounded] = elsewhere(retry({ maxRetries: 9, initialDelayMs: 0, budget }))
    expect(budget.available).toBe(1)
    await expect(bounded!.execute(failing)).rejects.toMatchObject({ code: 'ERR_RETRY_EXHAUSTED' })
    expect(failing).toHaveBeenCalledTimes(2)
    expect(budget.available).toBe(0)
  })

  it('a time limit and a fallback do the same', async () => {
    const [limit] = elsewhere(timeout(5, { name: 'api', strategy: 'cooperative' }))
    await expect(limit!.execute(() => new Promise((resolve) => setTimeout(resolve, 20)))).rejects.toMatchObject({
      code: 'ERR_TIMEOUT_EXCEEDED',
      timeoutMs: 5,
    })
    expect(await elsewhere(fallback('instead'))[0]!.execute(fail)).toBe('instead')
  })

  it('a pipeline comes as its policies, outermost first', () => {
    const all = elsewhere(pipeline(fallback(1), pipeline(retry(), timeout(9)), rateLimit({ requestsPerSecond: 1 })))
    expect(all.map((policy) => (policy as { kind?: string }).kind)).toEqual([
      'fallback',
      'retry',
      'timeout',
      'rate-limit',
    ])
  })
})
