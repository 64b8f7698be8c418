import { setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { Bulkhead, bulkhead, type BulkheadChange, type BulkheadOptions } from '../../../dist/index.js'
import { PermitQueue } from '../../../dist/memory/semaphore/queue.js'
import { metricsText } from '../../../dist/metrics/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { freshName } from '../../support/limiters.js'

/** Calls that run until they are ended, oldest first. */
function calls(policy: Bulkhead) {
  const running: (() => void)[] = []
  const settled: Promise<unknown>[] = []
  const start = (count: number): void => {
    for (let i = 0; i < count; i++)
      settled.push(policy.execute(() => new Promise<void>((end) => running.push(end))).catch((error: unknown) => error))
  }
  const end = async (count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) running.shift()!()
    await turn()
  }
  return { running, settled, start, end }
}

describe('bulkhead.update', () => {
  it('raises: lets in at once who waits, first come first served', async () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    const { running, start, end } = calls(policy)
    start(4)
    await turn()
    expect(running).toHaveLength(1)
    policy.update({ maxConcurrent: 3 })
    await turn()
    expect(running).toHaveLength(3)
    expect([policy.maxConcurrent, policy.available]).toEqual([3, 0])
    expect(policy.stats()).toMatchObject({ running: 3, queued: 1 })
    await end(3)
    expect(policy.stats()).toMatchObject({ running: 1, queued: 0 })
    expect(policy.available).toBe(2)
  })

  it('lowers: takes nothing from calls under way, and none begins until fewer run', async () => {
    const policy = bulkhead({ maxConcurrent: 3 })
    const { running, start, end } = calls(policy)
    start(4)
    await turn()
    policy.update({ maxConcurrent: 1 })
    expect(policy.stats()).toMatchObject({ running: 3, queued: 1 })
    expect([policy.maxConcurrent, policy.available]).toEqual([1, 0])
    await end(2)
    expect(policy.stats()).toMatchObject({ running: 1, queued: 1 })
    await end()
    expect(policy.stats()).toMatchObject({ running: 1, queued: 0 })
    expect(running).toHaveLength(1)
    await end()
    expect(policy.available).toBe(1)
  })

  it('shortens the queue: drops nobody who waits, and refuses who comes with the bound in force', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5 })
    const { start, end } = calls(policy)
    start(4)
    await turn()
    policy.update({ maxQueue: 1 })
    expect(policy.maxQueue).toBe(1)
    await expect(policy.execute(() => 1)).rejects.toThrow('its queue is full: 1 wait already')
    expect(policy.stats()).toMatchObject({ running: 1, queued: 3, rejected: 1 })
    await end(1)
    await end(1)
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ queued: 1, maxConcurrent: 1 })
    policy.update({ maxQueue: Infinity })
    start(1)
    expect(policy.stats().queued).toBe(2)
    await end(1)
    await end(1)
    await end(1)
    expect(policy.available).toBe(1)
  })

  it('keeps what is not given, and what comes between is one change at a time', () => {
    const policy = bulkhead({ maxConcurrent: 2, maxQueue: 7 })
    policy.update({})
    policy.update({ maxConcurrent: undefined, maxQueue: undefined })
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([2, 7])
    policy.update({ maxConcurrent: 5 })
    policy.update({ maxQueue: 0 })
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([5, 0])
    policy.update({ maxConcurrent: 1_048_575, maxQueue: Number.MAX_SAFE_INTEGER })
    // No queue is ever so long.
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([1_048_575, Infinity])
  })

  it('is seen by whoever has a handle, also one that was made before', () => {
    const policy = bulkhead({ maxConcurrent: 2 })
    const before = policy.share()
    const other = Bulkhead.from(before)
    other.update({ maxConcurrent: 4, maxQueue: 9 })
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([4, 9])
    const later = Bulkhead.from(structuredClone(policy.share()))
    const early = Bulkhead.from(structuredClone(before))
    for (const each of [later, early]) expect([each.maxConcurrent, each.maxQueue, each.available]).toEqual([4, 9, 4])
  })

  it('lets in callers of this thread, by whichever handle they wait', async () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    const others = [1, 2].map(() => Bulkhead.from(structuredClone(policy.share())))
    const permits = [await policy.acquire()]
    const waiting = [policy, ...others].map((each) => each.acquire())
    policy.update({ maxConcurrent: 4 })
    permits.push(...(await Promise.all(waiting)))
    expect(policy.available).toBe(0)
    for (const permit of permits) permit[Symbol.dispose]()
    await turn()
    expect(policy.available).toBe(4)
  })

  it('is of a name, which still stands for what it was first used with', () => {
    const options = { maxConcurrent: 2, maxQueue: 3, name: freshName() }
    // Without the addon names of this thread are shared on a clock of its own, too.
    const policy = bulkhead(options)
    policy.update({ maxConcurrent: 5 })
    const same = bulkhead(options)
    expect([same.maxConcurrent, same.maxQueue]).toEqual([5, 3])
    expect(Bulkhead.from(policy.share()).maxConcurrent).toBe(5)
    expect(() => bulkhead({ ...options, maxConcurrent: 5 })).toThrow(
      'in use in this process with { maxConcurrent: 2, maxQueue: 3 }, so it cannot be used with { maxConcurrent: 5, maxQueue: 3 }; use another name, or change the limits with update()',
    )
    const clock = new FakeClock()
    const own = bulkhead({ ...options, clock })
    expect(own.maxConcurrent).toBe(2)
    own.update({ maxQueue: 1 })
    expect([bulkhead({ ...options, clock }).maxQueue, same.maxQueue]).toEqual([1, 3])
  })

  it('is shown, and measured', async () => {
    const name = freshName()
    const policy = bulkhead({ maxConcurrent: 3, name })
    const { start, end } = calls(policy)
    start(3)
    await turn()
    policy.update({ maxConcurrent: 2, maxQueue: 8 })
    expect(inspect(policy, { breakLength: Infinity })).toContain(
      'maxConcurrent: 2, available: 0, maxQueue: 8, calls: 3, running: 3',
    )
    const samples = metricsText({ objects: { [name]: policy } })
    expect(samples).toMatch(/bulkhead_permits_limit\{[^}]*\} 2\n/)
    // More than may, until one has ended.
    expect(samples).toMatch(/bulkhead_permits_in_use\{[^}]*\} 3\n/)
    await end(3)
  })

  it('of an adaptive limit changes its bounds, between which it stays', () => {
    const policy = bulkhead({ maxConcurrent: 'adaptive', min: 2, max: 50 })
    policy.update({ min: 30 })
    expect(policy.maxConcurrent).toBe(30)
    policy.update({ maxConcurrent: 'adaptive', min: 1, max: 4, maxQueue: 0 })
    expect([policy.maxConcurrent, policy.maxQueue]).toEqual([4, 0])
    policy.update({ max: 1000 })
    expect(policy.maxConcurrent).toBe(16)
  })

  it('of an adaptive limit lets in who waits', async () => {
    const policy = bulkhead({ maxConcurrent: 'adaptive', max: 1 })
    const { running, start, end } = calls(policy)
    start(3)
    await turn()
    expect(running).toHaveLength(1)
    policy.update({ max: 2 })
    // What it has learnt stays.
    expect(policy.maxConcurrent).toBe(1)
    policy.update({ min: 2 })
    await turn()
    expect(running).toHaveLength(2)
    await end(2)
    await end(1)
    expect(policy.available).toBe(2)
  })

  const refused: readonly [BulkheadOptions, unknown, typeof TypeError | typeof RangeError, string][] = [
    [{}, { maxConcurrent: 0 }, RangeError, 'maxConcurrent must be an integer >= 1 and <= 1048575; received 0'],
    [{}, { maxConcurrent: '4' }, TypeError, 'maxConcurrent must be an integer >= 1'],
    [{}, { maxConcurrent: 8, maxQueue: -1 }, RangeError, 'maxQueue must be an integer >= 0'],
    [{}, { maxQueue: 1.5 }, RangeError, 'maxQueue must be an integer'],
    [{}, { maxWaitMs: 5 }, TypeError, 'maxWaitMs'],
    [{}, { concurrency: 5 }, TypeError, 'maxConcurrent'],
    [{}, null, TypeError, 'Bulkhead.update'],
    [{}, { maxConcurrent: 8, min: 2 }, TypeError, "min needs a bulkhead that was made with maxConcurrent: 'adaptive'"],
    [{}, { maxConcurrent: 'adaptive' }, TypeError, "with a fixed limit must stay a number; received 'adaptive'"],
    [{ maxConcurrent: 'adaptive' }, { maxConcurrent: 8 }, TypeError, "must stay 'adaptive'; received 8 (number)"],
    [{ maxConcurrent: 'adaptive' }, { maxQueue: 2, min: 0 }, RangeError, 'min must be'],
    [{ maxConcurrent: 'adaptive' }, { max: 8192 }, RangeError, 'max must be an integer >= 1 and <= 8191'],
    [{ maxConcurrent: 'adaptive' }, { min: 9, max: 8 }, RangeError, 'min must be an integer >= 1 and <= 8;'],
    [
      { maxConcurrent: 'adaptive', min: 3, max: 9 },
      { min: 10, maxQueue: 2 },
      RangeError,
      'min must be <= max; received { min: 10, max: 9 }',
    ],
    [{ maxConcurrent: 'adaptive', min: 3, max: 9 }, { max: 2 }, RangeError, 'received { min: 3, max: 2 }'],
  ]
  it.each(refused)('of %j by %j is refused, and changes nothing', (options, change, type, message) => {
    const policy = bulkhead(options)
    const before = inspect(policy)
    expect(() => policy.update(change as BulkheadChange)).toThrow(type)
    expect(() => policy.update(change as BulkheadChange)).toThrow(message)
    expect(inspect(policy)).toBe(before)
  })

  it('is made where another thread has changed the bound that was in the way', () => {
    const policy = bulkhead({ maxConcurrent: 'adaptive', min: 1, max: 4 })
    const update = vi.spyOn(PermitQueue.prototype, 'update')
    update.mockImplementationOnce(function (this: PermitQueue, change) {
      const isChanged = this.semaphore.update(change)
      this.semaphore.update({ maxConcurrent: 9 })
      return isChanged
    })
    policy.update({ min: 5 })
    expect(update.mock.results.map(({ value }) => value as boolean)).toEqual([false, true])
    expect(() => policy.update({ max: 4 })).toThrow('received { min: 5, max: 4 }')
    update.mockRestore()
  })

  it('is refused once it has been disposed', () => {
    const policy = bulkhead()
    policy[Symbol.dispose]()
    expect(() => policy.update({ maxConcurrent: 1 })).toThrow(expect.objectContaining({ reason: 'disposed' }))
  })
})
