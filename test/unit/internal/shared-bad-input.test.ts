import { describe, expect, it } from 'vitest'
import {
  Bulkhead,
  bulkhead,
  CircuitBreaker,
  circuitBreaker,
  circuitBreakerCall,
  KeyedRateLimiter,
  KeyedWindow,
  RateLimiter,
  retry,
  RetryBudget,
  retryCall,
} from '../../../dist/index.js'
import { wrapProcessor } from '../../../dist/bullmq/index.js'
import { modelFetch, policyFetch, policyInterceptor, shed } from '../../../dist/http/index.js'
import { metricsText, registerNewObjects } from '../../../dist/metrics/index.js'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { addonForbidden } from '../../support/native.js'

const none = null as never
const keyed = { requestsPerSecond: 10, burstSize: 5, capacity: 10 }

describe('null is no default', () => {
  const window = { calls: 10, slowCallMs: 5 }
  const cases: [string, () => unknown][] = [
    ['scope', () => new RateLimiter({ scope: none })],
    ['scope', () => new KeyedRateLimiter({ ...keyed, scope: none })],
    ['scope', () => circuitBreaker({ scope: none })],
    ['scope', () => bulkhead({ scope: none })],
    ['scope', () => new RetryBudget({ scope: none })],
    ['failureThreshold', () => circuitBreaker({ failureThreshold: none })],
    ['maxResetTimeoutMs', () => circuitBreaker({ maxResetTimeoutMs: none })],
    ['window.slowRate', () => circuitBreaker({ window: { ...window, slowRate: none } })],
    ['window.minimumCalls', () => circuitBreaker({ window: { ...window, minimumCalls: none } })],
    ['size', () => new RateLimiter().lease({ size: none })],
    ['onFull', () => new KeyedWindow({ capacity: 10, onFull: none })],
    ['maxConcurrent', () => bulkhead({ maxConcurrent: none })],
    ['min', () => bulkhead({ maxConcurrent: 'adaptive', min: none })],
    ['maxConcurrent', () => shed({ maxConcurrent: none })],
    ['clock', () => shed({ clock: none })],
    ['clock', () => policyFetch({ clock: none })],
    ['clock', () => policyInterceptor({ clock: none })],
    ['clock', () => modelFetch({ rpm: 1, tpm: 1, clock: none })],
    ['on429', () => wrapProcessor(retry(), () => 1, { on429: none })],
    ['objects', () => metricsText({ objects: none })],
    ['most', () => registerNewObjects({ most: none })],
    ['pid', () => readSystemInfo({ root: '/', pid: none })],
    ['pageSize', () => readSystemInfo({ root: '/', pageSize: none })],
  ]
  it.each(cases)('of %s (case %#)', (option, act) => {
    expect(act).toThrow(TypeError)
    expect(act).toThrow(new RegExp(`^${option} must be .*; received null$`))
  })

  it('of the tokens of a key', async () => {
    await expect(new KeyedRateLimiter(keyed).acquire('a', none)).rejects.toThrow(/tokens.*received null/)
  })

  it('of the policy of a single call', async () => {
    await expect(retryCall(() => 1, { policy: none })).rejects.toThrow(/^policy options must be .*; received null$/)
    await expect(circuitBreakerCall(() => 1, { policy: none })).rejects.toThrow(/^policy .*; received null$/)
  })
})

describe('the bounds of an adaptive limit', () => {
  it.each([9000, 5n, Symbol('s')])('name the one that is wrong: %o', (min) => {
    expect(() => bulkhead({ maxConcurrent: 'adaptive', min: min as never })).toThrow(
      /^min must be an integer >= 1 and <= 8191; received /,
    )
  })
})

describe('a handle that lacks a part is refused', () => {
  const makers = [
    {
      name: 'RateLimiter',
      handle: new RateLimiter().share(),
      open: (handle: object) => RateLimiter.from(handle as never),
      data: 'policy',
    },
    {
      name: 'KeyedRateLimiter',
      handle: new KeyedRateLimiter(keyed).share(),
      open: (handle: object) => KeyedRateLimiter.from(handle as never),
      data: 'policy',
    },
    {
      name: 'CircuitBreaker',
      handle: circuitBreaker().share(),
      open: (handle: object) => CircuitBreaker.from(handle as never),
      data: 'options',
    },
    {
      name: 'Bulkhead',
      handle: bulkhead().share(),
      open: (handle: object) => Bulkhead.from(handle as never),
      data: 'options',
    },
    // Its handle needs the addon.
    ...(addonForbidden
      ? []
      : [
          {
            name: 'RetryBudget',
            handle: new RetryBudget().share(),
            open: (handle: object) => RetryBudget.from(handle as never),
            data: 'options',
          },
        ]),
  ]
  it.each(makers)('of $name', ({ name, handle, open, data }) => {
    expect(() => open({ ...handle, cell: undefined })).toThrow(/^handle.cell must be .*; received undefined$/)
    expect(() => open({ ...handle, buffer: undefined })).toThrow(/^handle.buffer must be .*; received undefined$/)
    // As a child process gets it.
    expect(() => open(JSON.parse(JSON.stringify(handle)) as object)).toThrow(
      /other processes share what has the same name/,
    )
    for (const wrong of [undefined, null, 5, 'x', []])
      expect(() => open({ ...handle, [data]: wrong })).toThrow(
        new RegExp(`^handle.${data} must be an object; received`),
      )
    expect(() => open({ ...handle, kind: 'amorsize.Other' })).toThrow(
      new RegExp(`^handle must be what ${name}.share\\(\\) returned`),
    )
    expect(open(handle)).toBeDefined()
  })
})
