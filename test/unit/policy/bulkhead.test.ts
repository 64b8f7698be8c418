import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import {
  Bulkhead,
  bulkhead,
  type BulkheadOptions,
  BulkheadRejectedError,
  pipeline,
  retry,
  timeout,
  withBulkhead,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, outcomeOf } from '../../support/policies.js'

/** Lets promise callbacks run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Work that the test ends: what has started, in order, and how to end it. */
function workload() {
  const started: number[] = []
  const ends: (() => void)[] = []
  const fn = (id: number) => (): Promise<number> => {
    started.push(id)
    const work = deferred()
    ends[id] = () => work.resolve()
    return work.promise.then(() => id)
  }
  return { started, fn, end: (id: number) => ends[id]!() }
}

describe('bulkhead', () => {
  it('runs as many at once as it says, the others first come, first served', async () => {
    const { started, fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 2 })
    const calls = [0, 1, 2, 3, 4].map((id) => policy.execute(fn(id)))
    await turn()
    expect(started).toEqual([0, 1])
    expect(policy.stats()).toEqual({ calls: 2, running: 2, queued: 3, rejected: 0, timedOut: 0 })
    expect(policy.available).toBe(0)
    for (const id of [1, 0, 2, 3, 4]) {
      end(id)
      await turn()
    }
    expect(started).toEqual([0, 1, 2, 3, 4])
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4])
    expect(policy.stats()).toEqual({ calls: 5, running: 0, queued: 0, rejected: 0, timedOut: 0 })
    expect(policy.available).toBe(2)
  })

  it('lets nobody overtake those that wait, even when a slot frees in the same turn', async () => {
    const { started, fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1 })
    const calls = [policy.execute(fn(0)), policy.execute(fn(1))]
    end(0)
    await calls[0]
    calls.push(policy.execute(fn(2)))
    await turn()
    expect(started).toEqual([0, 1])
    end(1)
    await turn()
    end(2)
    expect(await Promise.all(calls)).toEqual([0, 1, 2])
  })

  it('serves many waiters in order', async () => {
    const policy = bulkhead({ maxConcurrent: 3 })
    const order: number[] = []
    await Promise.all(Array.from({ length: 5000 }, (_, id) => policy.execute(async () => order.push(id))))
    expect(order).toEqual(Array.from({ length: 5000 }, (_, id) => id))
  })

  it('gives the slot back when the function throws, returns a plain value, or rejects', async () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    const boom = new Error('boom')
    await expect(
      policy.execute(() => {
        throw boom
      }),
    ).rejects.toBe(boom)
    await expect(policy.execute(() => Promise.reject(boom))).rejects.toBe(boom)
    expect(await policy.execute(() => 1)).toBe(1)
    expect(policy.stats().running).toBe(0)
    expect(policy.available).toBe(1)
  })

  it('refuses what finds the queue full, and says how long it is', async () => {
    const { fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, name: 'full queue' })
    const calls = [policy.execute(fn(0)), policy.execute(fn(1))]
    const error: unknown = await policy.execute(fn(2)).catch((e: unknown) => e)
    expect(BulkheadRejectedError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_BULKHEAD_REJECTED', maxConcurrent: 1, queued: 1 })
    expect((error as Error).message).toBe(
      "the bulkhead 'full queue' runs 1 call(s) at once, and its queue is full: 1 wait already",
    )
    expect(policy.stats()).toMatchObject({ running: 1, queued: 1, rejected: 1 })
    end(0)
    await turn()
    end(1)
    expect(await Promise.all(calls)).toEqual([0, 1])
  })

  it('refuses at once with a queue of none, or without a wait', async () => {
    for (const options of [{ maxQueue: 0 }, { maxWaitMs: 0 }]) {
      const { fn, end } = workload()
      const policy = bulkhead({ maxConcurrent: 1, ...options })
      const call = policy.execute(fn(0))
      await expect(policy.execute(fn(1))).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED', queued: 0 })
      end(0)
      expect(await call).toBe(0)
      expect(await policy.execute(() => 7)).toBe(7)
      expect(policy.stats().rejected).toBe(1)
    }
  })

  it('refuses who has waited maxWaitMs, and only them', async () => {
    const clock = new FakeClock()
    const { started, fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1, maxWaitMs: 100, clock })
    const first = policy.execute(fn(0))
    const second = outcomeOf(clock, policy.execute(fn(1)))
    await clock.advance(60)
    const third = policy.execute(fn(2))
    await clock.advance(60)
    expect(await second).toMatchObject({ atMs: 100, error: { code: 'ERR_BULKHEAD_REJECTED', queued: 1 } })
    end(0)
    await turn()
    end(2)
    expect(await Promise.all([first, third])).toEqual([0, 2])
    expect(started).toEqual([0, 2])
    expect(policy.stats()).toMatchObject({ timedOut: 1, rejected: 0, running: 0, queued: 0 })
    expect(clock.pendingTimers).toBe(0)
  })

  it('forgets a caller that aborts, at once, and moves up those behind it', async () => {
    const { started, fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 2 })
    const controller = new AbortController()
    const calls = [policy.execute(fn(0)), policy.execute(fn(1), { signal: controller.signal }), policy.execute(fn(2))]
    controller.abort(new Error('gone'))
    await expect(calls[1]).rejects.toThrow('gone')
    expect(policy.stats().queued).toBe(1)
    const fourth = policy.execute(fn(3)) // there is room again
    end(0)
    await turn()
    expect(started).toEqual([0, 2])
    end(2)
    await turn()
    end(3)
    expect(await Promise.all([calls[0], calls[2], fourth])).toEqual([0, 2, 3])
  })

  it('gives the slot back of a caller that aborts between being admitted and starting', async () => {
    const { started, fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1 })
    const controller = new AbortController()
    const first = policy.execute(fn(0))
    const second = policy.execute(fn(1), { signal: controller.signal })
    void first.then(() => controller.abort(new Error('late')))
    end(0)
    await expect(second).rejects.toThrow('late')
    await turn()
    expect(policy.stats().queued).toBe(0)
    if (started.includes(1)) end(1)
    await turn()
    expect(policy.available).toBe(1)
  })

  it('does not start what was aborted before', async () => {
    const policy = bulkhead({ maxConcurrent: 1 })
    await expect(policy.execute(() => 1, { signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early')
    expect(policy.stats().calls).toBe(0)
  })

  it('keeps the slot of a call that a timeout inside has given up on', async () => {
    const clock = new FakeClock()
    const { started, fn, end } = workload()
    const policy = pipeline(bulkhead({ maxConcurrent: 1 }), timeout(50, { clock }))
    const first = outcomeOf(clock, policy.execute(fn(0)))
    const second = policy.execute(fn(1))
    await clock.advance(60)
    expect(await first).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(started).toEqual([0])
    end(0)
    await turn()
    expect(started).toEqual([0, 1])
    end(1)
    expect(await second).toBe(1)
  })

  it('lets a timeout outside end the wait', async () => {
    const clock = new FakeClock()
    const { started, fn, end } = workload()
    const slots = bulkhead({ maxConcurrent: 1 })
    const policy = pipeline(timeout(50, { clock }), slots)
    const first = slots.execute(fn(0))
    const second = outcomeOf(clock, policy.execute(fn(1)))
    await clock.advance(60)
    expect(await second).toMatchObject({ atMs: 50, error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(slots.stats().queued).toBe(0)
    end(0)
    expect(await first).toBe(0)
    await turn()
    expect(started).toEqual([0])
  })

  it('within a retry holds no slot while that waits', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ maxConcurrent: 1, clock })
    const policy = pipeline(retry({ maxRetries: 1, initialDelayMs: 100, jitter: 'none', clock }), slots)
    let calls = 0
    const call = policy.execute(() => (calls++ === 0 ? Promise.reject(new Error('first')) : Promise.resolve('done')))
    await clock.advance(50)
    expect(slots.available).toBe(1)
    await clock.advance(50)
    expect(await call).toBe('done')
  })

  it('is one bulkhead by name, and refuses other limits under it', async () => {
    const { fn, end } = workload()
    const one = bulkhead({ maxConcurrent: 1, name: 'one name' })
    const other = bulkhead({ maxConcurrent: 1, name: 'one name' })
    const first = one.execute(fn(0))
    const second = other.execute(fn(1))
    expect(other.available).toBe(0)
    expect(other.stats().queued).toBe(1)
    end(0)
    await turn()
    end(1)
    expect(await Promise.all([first, second])).toEqual([0, 1])
    expect(() => bulkhead({ maxConcurrent: 2, name: 'one name' })).toThrow(
      expect.objectContaining({
        code: 'ERR_SHARED_MEMORY',
        reason: 'parameters-differ',
        message: expect.stringMatching(/maxConcurrent: 1,.*maxConcurrent: 2,/) as string,
      }),
    )
  })

  it('is one bulkhead by handle, also for two objects of one thread', async () => {
    const { started, fn, end } = workload()
    const one = bulkhead({ maxConcurrent: 1, maxQueue: 5, maxWaitMs: 60_000 })
    const handle = structuredClone(one.share())
    const other = Bulkhead.from(handle)
    expect(other.maxConcurrent).toBe(1)
    const calls = [one.execute(fn(0)), other.execute(fn(1)), one.execute(fn(2)), other.execute(fn(3))]
    for (const id of [0, 1, 2, 3]) {
      await turn()
      expect(started).toHaveLength(id + 1)
      end(id)
    }
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3])
    expect(started).toEqual([0, 1, 2, 3])
    expect(() => Bulkhead.from({ ...handle, cell: handle.cell! + 1 })).toThrow(/something else/)
    expect(() => Bulkhead.from({} as never)).toThrow(TypeError)
    expect(() => Bulkhead.from(null as never)).toThrow(/received null/)
  })

  it('tells listeners and the channel of waits and refusals', async () => {
    const heard: unknown[] = []
    const published: unknown[] = []
    const onMessage = (message: unknown): void => void published.push(message)
    subscribe('amorsize:bulkhead', onMessage)
    const { fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, name: 'heard' })
    policy.on('queued', (event) => heard.push(event))
    policy.on('rejected', ({ error }) => heard.push(error.code))
    const calls = [policy.execute(fn(0)), policy.execute(fn(1))]
    await policy.execute(fn(2)).catch(() => undefined)
    expect(heard).toEqual([{ queued: 1 }, 'ERR_BULKHEAD_REJECTED'])
    expect(published).toMatchObject([
      { event: 'queued', name: 'heard', queued: 1 },
      { event: 'rejected', name: 'heard' },
    ])
    unsubscribe('amorsize:bulkhead', onMessage)
    end(0)
    await turn()
    end(1)
    await Promise.all(calls)
    expect(() => policy.on('other' as never, () => undefined)).toThrow(RangeError)
  })

  it('refuses its waiters and newcomers once it is disposed, and lets what runs end', async () => {
    const { fn, end } = workload()
    const policy = bulkhead({ maxConcurrent: 1 })
    const calls = [0, 1, 2].map((id) => policy.execute(fn(id)).catch((error: unknown) => error))
    policy[Symbol.dispose]()
    expect(await calls[1]).toMatchObject({ code: 'ERR_SHARED_MEMORY', reason: 'disposed' })
    expect(await calls[2]).toMatchObject({ reason: 'disposed' })
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ reason: 'disposed' })
    end(0)
    expect(await calls[0]).toBe(0)
    expect(policy.available).toBe(1)
  })

  it.each([
    [{ maxConcurrent: 0 }, RangeError, 'maxConcurrent must be an integer >= 1 and <= 1048575; received 0 (number)'],
    [{ maxConcurrent: 1.5 }, RangeError, 'maxConcurrent'],
    [{ maxConcurrent: Infinity }, RangeError, 'maxConcurrent'],
    [{ maxConcurrent: '2' }, TypeError, 'received "2" (string)'],
    [{ maxConcurrent: 1, maxQueue: -1 }, RangeError, 'maxQueue must be an integer >= 0'],
    [
      { maxConcurrent: 1, maxWaitMs: NaN },
      RangeError,
      'maxWaitMs must be a finite number >= 0, or Infinity; received NaN (number)',
    ],
    [{ maxConcurrent: 1, name: '' }, RangeError, 'name must not be empty'],
    [{ maxConcurrent: 1, scope: 'planet' }, RangeError, "scope must be one of 'process', 'machine'"],
    [
      { maxConcurrent: 1, key: () => 1 },
      TypeError,
      "did you mean 'maxConcurrent' of perKey((key) => bulkhead({ maxConcurrent }), { maxKeys })?",
    ],
    [{ maxConcurrent: 1, clock: {} }, TypeError, 'clock must be a clock'],
    [{ maxConcurent: 1 }, TypeError, "did you mean 'maxConcurrent'?"],
    [null, TypeError, 'bulkhead options must be an object; received null'],
  ])('refuses %j', (options, type, message) => {
    expect(() => bulkhead(options as never)).toThrow(type)
    expect(() => bulkhead(options as never)).toThrow(message)
  })

  it('gives a slot as a permit, in order with the calls that wait', async () => {
    const slots = bulkhead({ maxConcurrent: 1 })
    const order: string[] = []
    const first = await slots.acquire()
    const call = slots.execute(() => order.push('call'))
    const second = slots.acquire().then((permit) => (order.push('permit'), permit))
    await turn()
    expect(order).toEqual([])
    expect(slots.stats()).toMatchObject({ running: 1, queued: 2 })
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    await call
    const permit = await second
    expect(order).toEqual(['call', 'permit'])
    expect(slots.available).toBe(0)
    permit[Symbol.dispose]()
    expect(slots.available).toBe(1)
    expect(slots.stats()).toMatchObject({ running: 0, queued: 0 })
    await turn()
    expect(slots.available).toBe(1)
    expect(slots.stats()).toMatchObject({ running: 0, queued: 0 })
  })

  it.each<BulkheadOptions>([{ maxQueue: 0 }, { maxWaitMs: 0 }, { maxConcurrent: 'adaptive', max: 1, maxQueue: 0 }])(
    'has a slot for who comes as soon as a permit is disposed, with %j',
    async (options) => {
      const slots = bulkhead({ maxConcurrent: 1, ...options })
      for (let n = 0; n < 3; n++) (await slots.acquire())[Symbol.dispose]()
      const permit = await slots.acquire()
      const refused = slots.acquire()
      await expect(refused).rejects.toThrow(BulkheadRejectedError)
      permit[Symbol.dispose]()
      permit[Symbol.dispose]()
      const [call, other] = [slots.execute(() => turn()), slots.execute(() => 1)]
      await expect(other).rejects.toThrow(BulkheadRejectedError)
      await call
      expect(slots.stats()).toMatchObject({ calls: 5, running: 0 })
    },
  )

  it('ends the wait for a permit by signal, by time and by a full queue; an abort afterwards frees nothing', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, maxWaitMs: 100, clock })
    const abort = new AbortController()
    const held = await slots.acquire({ signal: abort.signal })
    abort.abort('late')
    await turn()
    expect(slots.available).toBe(0)
    const waiting = outcomeOf(clock, slots.acquire())
    await expect(slots.acquire()).rejects.toThrow(BulkheadRejectedError)
    await clock.advance(100)
    expect(await waiting).toMatchObject({ error: { code: 'ERR_BULKHEAD_REJECTED' }, atMs: 100 })
    const gone = new AbortController()
    const leaving = slots.acquire({ signal: gone.signal })
    gone.abort('gone')
    await expect(leaving).rejects.toBe('gone')
    await expect(slots.acquire({ sinal: gone.signal } as object)).rejects.toThrow(TypeError)
    held[Symbol.dispose]()
    await turn()
    expect(slots.available).toBe(1)
  })

  it('serves as a wrapper with its defaults, and with an existing policy', async () => {
    const plain = withBulkhead(async (n: number) => n * 2)
    expect(await plain(21)).toBe(42)
    expect(plain.policy.maxConcurrent).toBe(10)
    const policy = bulkhead({ maxConcurrent: 3 })
    expect(withBulkhead(policy)(async () => 1).policy).toBe(policy)
  })
})
