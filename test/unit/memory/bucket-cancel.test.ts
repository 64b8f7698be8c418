import { describe, expect, it } from 'vitest'
import type { Limit } from '../../property/bucket-bound-properties.js'
import { createBucket, HandClock } from '../../property/bucket-support.js'
import { limitOfKey } from '../../property/keyed-support.js'

/**
 * Six callers at once, at one token a second and four at most; the sixth waits until 8 s. Returns what the cancelling of the fifth
 * and then of the third gave back, and how long a seventh has to wait.
 */
function fifthAndThirdGiveUp(limit: Limit): { returned: number[]; nextWaitMs: number } {
  const costs = [1, 1, 4, 1, 4, 1]
  const tickets = costs.map((tokens) => limit.reserve(tokens, Infinity).ticket)
  expect(tickets.map(({ waitMs }) => waitMs)).toEqual([0, 0, 2000, 3000, 7000, 8000])
  const returned = [4, 2].map((which) => limit.cancel(tickets[which]!, costs[which]!))
  return { returned, nextWaitMs: limit.reserve(4, Infinity).ticket.waitMs }
}

describe('the cancelling of a reservation', () => {
  it('gives back nothing where anything was reserved after it', () => {
    expect(fifthAndThirdGiveUp(createBucket(1, 4, new HandClock()))).toEqual({ returned: [0, 0], nextWaitMs: 12_000 })
  })

  it('gives back all where those who reserved later have cancelled', () => {
    const bucket = createBucket(1, 4, new HandClock())
    const costs = [4, 3, 2]
    const tickets = costs.map((tokens) => bucket.reserve(tokens, Infinity).ticket)
    expect([2, 1].map((which) => bucket.cancel(tickets[which]!, costs[which]!))).toEqual([2, 3])
    expect(bucket.reserve(1, Infinity).ticket.waitMs).toBe(1000)
  })

  // Why nothing comes back there: whoever reserved later keeps to the time it was told, and nobody tells it another.
  it('where something was reserved after it keeps the bound of those who act when they were told, as moving the axis on would not', () => {
    const actAtMs = (moves: boolean): number[] => {
      const clock = new HandClock()
      const bucket = createBucket(1, 2, clock)
      const [first, second, third] = [2, 2, 2].map((tokens) => bucket.reserve(tokens, Infinity).ticket)
      expect([first!.waitMs, second!.waitMs, third!.waitMs]).toEqual([0, 2000, 4000])
      expect(bucket.cancel(second!, 2)).toBe(0)
      clock.ns = 2e9
      // What a refund does where reservations stand: as many more have been produced.
      if (moves) expect(bucket.refund(2)).toBe(2)
      return [first!.waitMs, third!.waitMs, 2000 + bucket.reserve(2, Infinity).ticket.waitMs]
    }
    expect(actAtMs(false)).toEqual([0, 4000, 6000])
    // Four tokens at once, where two are the burst.
    expect(actAtMs(true)).toEqual([0, 4000, 4000])
  })

  it('serves who waits earlier when tokens are given back, and gives no token twice', () => {
    const bucket = createBucket(1, 4, new HandClock())
    const tickets = [4, 4, 2].map((tokens) => bucket.reserve(tokens, Infinity).ticket)
    expect(bucket.refund(3)).toBe(3)
    expect(tickets.map((ticket) => bucket.renew(ticket).waitMs)).toEqual([0, 1000, 3000])
    expect(bucket.reserve(1, Infinity).ticket.waitMs).toBe(4000)
  })
})

describe('the cancelling of a reservation of a key', () => {
  it('gives back nothing where anything was reserved after it', () => {
    expect(fifthAndThirdGiveUp(limitOfKey(1, 4).limit)).toEqual({ returned: [0, 0], nextWaitMs: 12_000 })
  })

  it('gives back all where those who reserved later have cancelled', () => {
    const { limit } = limitOfKey(1, 4)
    const costs = [4, 3, 2]
    const tickets = costs.map((tokens) => limit.reserve(tokens, Infinity).ticket)
    expect([2, 1].map((which) => limit.cancel(tickets[which]!, costs[which]!))).toEqual([2, 3])
    expect(limit.reserve(1, Infinity).ticket.waitMs).toBe(1000)
  })
})
