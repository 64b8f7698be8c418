import { bulkhead, KeyedRateLimiter, RateLimiter, retry, stream } from 'amorsize'
import { describe, expect, it } from 'vitest'

// Its keys are none that could be unknown: taken for options, it would abort nothing, and nobody would hear of it.
describe('a signal in the place of the options', () => {
  const { signal } = new AbortController()
  it.each<[string, () => unknown]>([
    ['acquire', () => new RateLimiter().acquire(1, signal as never)],
    ['acquire by key', () => new KeyedRateLimiter({ capacity: 9 }).acquire('a', 1, signal as never)],
    ['acquire of several', () => RateLimiter.all({ a: {} }).acquire({ a: 1 }, signal as never)],
    ['acquire of a bulkhead', () => bulkhead().acquire(signal as never)],
    ['execute of a policy', () => retry().execute(() => 1, signal as never)],
    ['execute of a limiter', () => new RateLimiter().execute(() => 1, signal as never)],
    ['stream', () => stream((n: number) => n, [1], signal as never)],
  ])('is refused by %s', async (_, call) => {
    await expect((async () => call())()).rejects.toThrow(
      /options must be an object such as { signal }; received .*AbortSignal/,
    )
  })
})
