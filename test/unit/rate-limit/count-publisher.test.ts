import { afterEach, expect, it, vi } from 'vitest'
import { countPublisher } from '../../../dist/rate-limit/count-publisher.js'

afterEach(() => vi.useRealTimers())

/** What counts, and what was published of it. */
function counting() {
  const counts = { allowed: 0, denied: 0 }
  const published = { allowed: 0, denied: 0 }
  const bucket = {
    addCounts: (allowed: number, denied: number): void => {
      published.allowed += allowed
      published.denied += denied
    },
  }
  return { counts, published, source: { stats: () => counts }, bucket }
}

it('publishes what is counted, as it goes on, by Node’s own timers, whenever fake ones come and go', async () => {
  const { counts, published, source, bucket } = counting()
  vi.useFakeTimers()
  countPublisher.begin(source, bucket)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  counts.allowed = 3
  await vi.waitFor(() => expect(published).toEqual({ allowed: 3, denied: 0 }), 10_000)
  counts.denied = 2
  await vi.waitFor(() => expect(published).toEqual(counts), 10_000)
  counts.allowed = 4
  countPublisher.end(source)
  expect(published).toEqual({ allowed: 4, denied: 2 })
})
