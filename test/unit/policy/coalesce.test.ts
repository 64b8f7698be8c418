import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  bulkhead,
  coalesce,
  hedge,
  KeyedRateLimiter,
  pipeline,
  rateLimit,
  RateLimiter,
  retry,
  timeout,
  withRateLimit,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, outcomeOf } from '../../support/policies.js'

/** A guarded function whose calls the test settles. */
function counted() {
  const calls: { key: string; work: ReturnType<typeof deferred<object>> }[] = []
  const policy = coalesce({ key: (key: string) => key })
  const load = policy.wrap((key: string) => {
    const work = deferred<object>()
    calls.push({ key, work })
    return work.promise
  })
  return { calls, policy, load }
}

describe('coalesce', () => {
  it('makes equal calls that are under way one, and keeps nothing', async () => {
    const { calls, policy, load } = counted()
    const all = [load('a'), load('b'), load('a'), load('a')]
    expect(calls.map(({ key }) => key)).toEqual(['a', 'b'])
    expect(policy.stats()).toEqual({ calls: 4, joined: 2, underWay: 2 })
    const a = { id: 'a' }
    calls[0]!.work.resolve(a)
    calls[1]!.work.resolve({ id: 'b' })
    const [first, , third, fourth] = await Promise.all(all)
    expect(first).toBe(a)
    expect(third).toBe(a)
    expect(fourth).toBe(a)
    expect(policy.stats().underWay).toBe(0)
    void load('a')
    expect(calls).toHaveLength(3)
  })

  it('gives all callers the same error, and begins anew after it', async () => {
    const { calls, load } = counted()
    const all = Promise.allSettled([load('a'), load('a')])
    const boom = new Error('boom')
    calls[0]!.work.reject(boom)
    expect(await all).toEqual([
      { status: 'rejected', reason: boom },
      { status: 'rejected', reason: boom },
    ])
    void load('a')
    expect(calls).toHaveLength(2)
  })

  it('is over at once for a function that throws or returns at once', async () => {
    let made = 0
    const policy = coalesce({ key: () => 1 })
    expect(await policy.execute(() => ++made)).toBe(1)
    expect(await policy.execute(() => ++made)).toBe(2)
    const boom = new Error('boom')
    await expect(
      policy.execute(() => {
        throw boom
      }),
    ).rejects.toBe(boom)
    expect(policy.stats()).toEqual({ calls: 3, joined: 0, underWay: 0 })
  })

  it('leaves a call alone whose key is undefined; one whose key cannot be told is not made', async () => {
    const made: unknown[] = []
    const work = deferred()
    const policy = coalesce({ key: (key?: unknown) => key })
    const call = policy.wrap((key?: unknown) => (made.push(key), work.promise))
    const all = [call(), call(), call(NaN), call(NaN)]
    expect(made).toEqual([undefined, undefined, NaN])
    work.resolve()
    await Promise.all(all)
    const boom = new Error('no key')
    const broken = coalesce({
      key: () => {
        throw boom
      },
    })
    await expect(broken.execute(() => made.push('broken'))).rejects.toBe(boom)
    expect(made).toEqual([undefined, undefined, NaN])
  })

  it('takes nothing from the others when one gives up, whoever began', async () => {
    const work = deferred<number>()
    const seen: AbortSignal[] = []
    const policy = coalesce({ key: () => 'one' })
    const first = new AbortController()
    const call = (signal?: AbortSignal): Promise<number> =>
      policy.execute(({ signal }) => (seen.push(signal), work.promise), { signal })
    const one = call(first.signal)
    const two = call()
    first.abort('gone')
    await expect(one).rejects.toBe('gone')
    expect(seen).toHaveLength(1)
    expect(seen[0]!.aborted).toBe(false)
    work.resolve(7)
    expect(await two).toBe(7)
  })

  it('aborts the function when the last has gone; who comes then begins anew', async () => {
    const seen: AbortSignal[] = []
    const policy = coalesce({ key: () => 'one' })
    const callers = [new AbortController(), new AbortController()]
    const all = callers.map(({ signal }) =>
      policy.execute(
        (context) => {
          seen.push(context.signal)
          return new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(new Error('ended'))))
        },
        { signal },
      ),
    )
    const outcomes = Promise.allSettled(all)
    callers[0]!.abort('first')
    expect(seen[0]!.aborted).toBe(false)
    callers[1]!.abort('second')
    expect(seen[0]!.aborted).toBe(true)
    expect(seen[0]!.reason).toBe('second')
    expect(policy.stats().underWay).toBe(0)
    expect(await policy.execute(() => 'anew')).toBe('anew')
    expect(await outcomes).toMatchObject([{ reason: 'first' }, { reason: 'second' }])
  })

  it('has policies inside hear of it when the last caller has gone', async () => {
    const clock = new FakeClock()
    const rate = { requestsPerSecond: 5, burstSize: 1, clock }
    const limiter = new RateLimiter(rate)
    limiter.tryAcquire()
    const keyed = new KeyedRateLimiter({ ...rate, capacity: 10 })
    keyed.tryAcquire('one')
    const inner = timeout(80, { clock })
    const byKey = withRateLimit({ keyed: () => 'one', limiter: keyed }).policy
    const all = Promise.all(
      [rateLimit(limiter), byKey, hedge({ afterMs: 60, clock }), inner].map(async (inside) => {
        let count = 0
        const policy = pipeline(timeout(20, { clock }), coalesce({ key: () => 1 }), inside)
        const gone = outcomeOf(
          clock,
          policy.execute(() => (count++, new Promise(() => undefined))),
        )
        expect(await gone).toMatchObject({ error: { timeoutMs: 20 } })
        return () => count
      }),
    )
    await clock.advance(20)
    const counts = await all
    await clock.advance(1000)
    expect(counts.map((count) => count())).toEqual([0, 0, 1, 1])
    expect(limiter.stats()).toMatchObject({ waiting: 0, allowed: 1 })
    expect(keyed.stats()).toMatchObject({ waiting: 0, allowed: 1 })
    expect(inner.stats().timedOut).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([undefined, 'one'])('waits for a promise of another library, with the key %s', async (key) => {
    const clock = new FakeClock()
    const down = new Error('the database is down')
    const query = {
      then: (_: unknown, failed: (error: unknown) => void) => void clock.setTimeout(() => failed(down), 10),
    }
    const slots = bulkhead({ maxConcurrent: 1, clock })
    const again = retry({ maxRetries: 1, delay: [0], clock })
    const load = pipeline(again, slots, coalesce({ key: () => key })).wrap(() => query as never)
    const outcome = outcomeOf(clock, load())
    await clock.advance(5)
    expect(slots.stats().running).toBe(1)
    await clock.advance(20)
    expect(await outcome).toMatchObject({ error: { attempts: 2, cause: down } })
    expect(again.stats()).toMatchObject({ retries: 1, failed: 1 })
  })

  it('leaves the signal of a function that has ended alone', async () => {
    const seen: AbortSignal[] = []
    const policy = coalesce({ key: () => 'one' })
    const call = (): Promise<number> => policy.execute(({ signal }) => seen.push(signal))
    await Promise.all([call(), call()])
    expect(seen.map(({ aborted }) => aborted)).toEqual([false])
  })

  it('has a forsaken call that ends late take nothing from the one begun after it', async () => {
    const works: ReturnType<typeof deferred<number>>[] = []
    const policy = coalesce({ key: () => 'one' })
    const call = (signal?: AbortSignal): Promise<number> =>
      policy.execute(
        () => {
          const work = deferred<number>()
          works.push(work)
          return work.promise
        },
        { signal },
      )
    const controller = new AbortController()
    const forsaken = call(controller.signal)
    controller.abort('gone')
    await expect(forsaken).rejects.toBe('gone')
    const second = call()
    works[0]!.resolve(1)
    await setImmediate()
    const third = call()
    expect(works).toHaveLength(2)
    works[1]!.resolve(2)
    expect(await Promise.all([second, third])).toEqual([2, 2])
  })

  it('lets policies inside look at the arguments of the first', async () => {
    const clock = new FakeClock()
    const policy = pipeline(
      coalesce({ key: () => 'one' }),
      timeout((ms: number) => ms, { clock }),
    )
    const load: (ms: number) => Promise<unknown> = policy.wrap(() => new Promise(() => undefined))
    const both = [load(10), load(20)].map((call) => outcomeOf(clock, call))
    await clock.advance(10)
    expect(await Promise.all(both)).toMatchObject([{ error: { timeoutMs: 10 } }, { error: { timeoutMs: 10 } }])
  })

  it('has a timeout outside bound each wait, one inside the work', async () => {
    const clock = new FakeClock()
    const work = deferred<number>()
    const shared = coalesce({ key: () => 1 })
    const impatient = outcomeOf(
      clock,
      pipeline(timeout(50, { clock }), shared).execute(() => work.promise),
    )
    const patient = outcomeOf(
      clock,
      shared.execute(() => work.promise),
    )
    await clock.advance(50)
    expect(await impatient).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED' }, atMs: 50 })
    work.resolve(1)
    expect(await patient).toMatchObject({ value: 1 })
    const inside = pipeline(coalesce({ key: () => 1 }), timeout(30, { clock }))
    const both = [1, 2].map(() =>
      outcomeOf(
        clock,
        inside.execute(() => new Promise(() => undefined)),
      ),
    )
    await clock.advance(30)
    const errors = (await Promise.all(both)).map(({ error }) => error)
    expect(errors[0]).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(errors[1]).toBe(errors[0])
    expect(clock.pendingTimers).toBe(0)
  })

  it('retries once for all, with the slot of the first', async () => {
    const clock = new FakeClock()
    let made = 0
    const slots = bulkhead({ maxConcurrent: 1 })
    const policy = pipeline(
      coalesce({ key: () => 1 }),
      retry({ maxRetries: 1, initialDelayMs: 10, jitter: 'none', clock }),
      slots,
    )
    const all = Array.from({ length: 3 }, () =>
      outcomeOf(
        clock,
        policy.execute(() => {
          if (++made === 1) throw new Error('once')
          return made
        }),
      ),
    )
    await clock.advance(10)
    expect(await Promise.all(all)).toEqual(Array.from({ length: 3 }, () => ({ value: 2, atMs: 10 })))
    expect(slots.available).toBe(1)
  })

  it("keeps the first caller's slot of a bulkhead outside until the work has ended", async () => {
    const work = deferred<number>()
    const slots = bulkhead({ maxConcurrent: 2 })
    const shared = coalesce({ key: () => 1 })
    const policy = pipeline(slots, shared)
    const first = new AbortController()
    const one = policy.execute(() => work.promise, { signal: first.signal })
    const two = policy.execute(() => work.promise)
    expect(slots.available).toBe(0)
    first.abort('gone')
    await expect(one).rejects.toBe('gone')
    expect(slots.available).toBe(0)
    work.resolve(1)
    expect(await two).toBe(1)
    await Promise.resolve()
    expect(slots.available).toBe(2)
  })

  it('goes on in the async context of each caller', async () => {
    const user = new AsyncLocalStorage<string>()
    const work = deferred<number>()
    const { load, ran } = ((): { load: () => Promise<number>; ran: (string | undefined)[] } => {
      const names: (string | undefined)[] = []
      const guarded = coalesce({ key: () => 1 }).wrap(() => {
        names.push(user.getStore())
        return work.promise
      })
      return { load: guarded, ran: names }
    })()
    const seen = ['alice', 'bob'].map((name) => user.run(name, () => load().then(() => user.getStore())))
    user.run('carol', () => work.resolve(1))
    expect(await Promise.all(seen)).toEqual(['alice', 'bob'])
    expect(ran).toEqual(['alice'])
  })

  it('tells of callers that join', async () => {
    const { calls, policy, load } = counted()
    const heard: unknown[] = []
    policy.on('joined', (event) => heard.push(event))
    const all = [load('a'), load('a')]
    calls[0]!.work.resolve({})
    await Promise.all(all)
    expect(heard).toEqual([{ key: 'a' }])
  })

  it.each([[{}], [{ key: 'id' }], [{ key: () => 1, keys: 1 }], [undefined]])('refuses %o', (options) => {
    expect(() => coalesce(options as never)).toThrow(TypeError)
  })
})
