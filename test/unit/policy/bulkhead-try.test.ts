import { expect, it } from 'vitest'
import { bulkhead, type BulkheadOptions, type BulkheadPermit } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { freshName } from '../../support/limiters.js'

/** Lets promise callbacks run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it.each<BulkheadOptions>([
  {},
  { name: freshName() },
  { maxConcurrent: 'adaptive', max: 1 },
  { clock: new FakeClock() },
])('gives a permit at once, or none, with %j', async (options) => {
  const slots = bulkhead({ maxConcurrent: 1, ...options })
  const ended: number[] = []
  slots.on('success', () => ended.push(1))
  const first = slots.tryAcquire()
  expect(first).not.toBe(false)
  expect(slots.tryAcquire()).toBe(false)
  expect(slots.stats()).toEqual({ calls: 1, running: 1, queued: 0, rejected: 1, timedOut: 0 })
  const waiting = slots.acquire()
  ;(first as BulkheadPermit)[Symbol.dispose]()
  // It has gone to who waited.
  expect(slots.tryAcquire()).toBe(false)
  ;(await waiting)[Symbol.dispose]()
  const last = slots.tryAcquire() as BulkheadPermit & { fail(error: unknown): void }
  last.fail(new Error('unheard'))
  await turn()
  expect(slots.stats()).toMatchObject({ calls: 3, running: 0, queued: 0, rejected: 2 })
  expect(ended).toHaveLength(2)
  slots[Symbol.dispose]()
  expect(() => slots.tryAcquire()).toThrow('this bulkhead has been disposed')
})

it('names acquire where its options are wrong', async () => {
  const wrong = bulkhead().acquire({ maxWaitMs: 5 } as object)
  await expect(wrong).rejects.toThrow("unknown acquire option 'maxWaitMs' (accepted: signal, priority)")
})
