import { describe, expect, it } from 'vitest'
import { keyedTables } from '../../../dist/memory/keyed/index.js'
import { OUTCOME } from '../../../dist/memory/bucket/bucket.js'
import type { Ticket } from '../../../dist/memory/bucket/waiters.js'
import { KeyedQueue } from '../../../dist/rate-limit/keyed/queue.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A key whose bucket of two tokens is empty; ten are produced per second. */
function emptyKey(capacity = 4) {
  const clock = new FakeClock()
  const table = keyedTables.create({ rate: 10, burst: 2, capacity, evicts: false }, clock).subject
  const queue = new KeyedQueue(table, clock)
  const future = queue.bucketOf('k')
  table.tryAcquire('k', 2)
  const waitMs = (ticket: Ticket): number => {
    const axis = future.survey()
    return future.msUntil(axis, future.endOf(ticket, axis))
  }
  const isLost = (ticket: Ticket): boolean => future.endOf(ticket, future.survey()) <= -(2 ** 52)
  const reserve = (tokens: number): Ticket => future.reserve(tokens).ticket
  return { clock, table, queue, future, waitMs, isLost, reserve }
}

describe('what is reserved of a key', () => {
  it('comes in the order of the reservations, and all of it earlier where tokens are given back', () => {
    const { queue, future, waitMs, reserve } = emptyKey()
    const [one, two] = [reserve(1), reserve(0.5)]
    expect([one.waitMs, two.waitMs, waitMs(one), waitMs(two)]).toEqual([100, 150, 100, 150])
    expect(queue.refund('k', 0.5)).toBe(0.5)
    expect([waitMs(one), waitMs(two)]).toEqual([50, 100])
    // Of another key nothing is reserved.
    queue.refund('other', 1)
    expect([waitMs(one), waitMs(two), waitMs(future.renew(two))]).toEqual([50, 100, 100])
    expect(reserve(1).waitMs).toBe(200)
  })

  it('goes back, last first, and is there for others then', async () => {
    const { clock, table, future, reserve } = emptyKey()
    const [one, two] = [reserve(1), reserve(1)]
    // Others stand behind the first.
    expect([future.cancel(one, 1), future.cancel(two, 1), future.cancel(two, 1)]).toEqual([0, 1, 0])
    expect(table.look('k', 1)).toEqual({ available: 0, waitMs: 200 })
    const three = reserve(1)
    expect([three.waitMs, future.cancel(three, 1)]).toEqual([200, 1])
    await clock.advance(1000)
    expect(table.look('k', 1).available).toBe(2)
  })

  it('is followed no more once it is used, and what else is reserved still is', () => {
    const { queue, future, table, waitMs, reserve } = emptyKey()
    const [one, two, three] = [reserve(1), reserve(1), reserve(1)]
    future.release(two)
    queue.refund('k', 1)
    expect([one, three].map(waitMs)).toEqual([0, 200])
    // As of another thread: who holds what is reserved would have it twice.
    expect(table.refund('k', 1)).toBe(0)
    for (const used of [one, three, three]) future.release(used)
    expect(table.refund('k', 1)).toBe(1)
  })

  it('keeps others from giving back as long as it may be used, and this limiter only where others have reserved', async () => {
    const { clock, table, queue, reserve } = emptyKey()
    const other = new KeyedQueue(table, clock)
    const one = reserve(1)
    expect([other.refund('k', 1), queue.refund('k', 0.5)]).toEqual([0, 0.5])
    other.bucketOf('k').reserve(1)
    expect([other.refund('k', 1), queue.refund('k', 0.5)]).toEqual([0, 0])
    await clock.advance(500)
    queue.bucketOf('k').release(one)
    // The dead one of the other limiter ended at 150 ms, and is too old when the bucket would be full but for it.
    expect(table.tryAcquire('k', 1)).toBe(OUTCOME.granted)
    expect(table.refund('k', 0.5)).toBe(0.5)
  })

  it('moves with what its limiter takes that is not there, and lets tokens go back all the same', () => {
    const { queue, waitMs, reserve } = emptyKey()
    const one = reserve(1)
    queue.charge('k', 1)
    expect([queue.refund('k', 0.5), waitMs(one), reserve(1).waitMs]).toEqual([0.5, 50, 250])
  })

  it.each(['pause', 'reset'] as const)('is lost after a %s, and nothing of it goes back', (what) => {
    const { table, queue, future, isLost, reserve } = emptyKey()
    const [one, two] = [reserve(1), reserve(1)]
    expect([isLost(one), isLost(two)]).toEqual([false, false])
    queue.pause('other', 500)
    queue.reset('other')
    expect([isLost(one), isLost(two)]).toEqual([false, false])
    if (what === 'pause') queue.pause('k', 500)
    else queue.reset('k')
    expect([isLost(one), isLost(two)]).toEqual([true, true])
    queue.refund('k', 0.25)
    const before = table.look('k', 1)
    expect([future.cancel(two, 1), future.cancel(one, 1), table.look('k', 1)]).toEqual([0, 0, before])
    expect([isLost(one), isLost(two)]).toEqual([true, true])
  })

  it('is lost with the slot of a key that has been forgotten', async () => {
    const { clock, table, future, isLost, reserve } = emptyKey(1)
    const one = reserve(1)
    await clock.advance(3000)
    // Full again, so that another key may have the slot.
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) table.tryAcquire(key, 2)
    await clock.advance(3000)
    table.tryAcquire('k', 2)
    const before = table.look('k', 1)
    expect([isLost(one), future.cancel(one, 1), table.look('k', 1)]).toEqual([true, 0, before])
  })

  it('is nothing where the key can have no slot', () => {
    const { queue, table } = emptyKey(1)
    const keys = Array.from({ length: 64 }, (_, n) => `key ${n}`)
    for (const key of keys) table.tryAcquire(key, 2)
    const future = keys.map((key) => queue.bucketOf(key)).find((each) => each.survey().pausedMs > 0)!
    const { outcome, ticket } = future.reserve(1)
    expect([ticket.waitMs, ticket.at, table.size()]).toEqual([Infinity, null, 1])
    expect(outcome).not.toBe(queue.bucketOf('k').reserve(1).outcome)
  })
})
