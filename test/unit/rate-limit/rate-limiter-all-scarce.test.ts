// Several limits at once, each of them used up by others: the caller must get on, and the others with it.
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter, RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { mostOverRate } from '../../support/fullest-window.js'
import { outcomeOf } from '../../support/policies.js'

interface Scarce {
  rate: number
  burst: number
  cost: number
}

/** Two limits with three callers each that come again and again, and one caller of both, for `seconds`. */
async function usedUp(seconds: number, specs: readonly [Scarce, Scarce]) {
  const clock = new FakeClock()
  const limiters = specs.map(
    ({ rate, burst }) => new RateLimiter({ requestsPerSecond: rate, burstSize: burst, clock }),
  ) as [RateLimiter, RateLimiter]
  const taken: { tokens: number; from: number; to: number }[][] = [[], []]
  const note = (limit: number, tokens: number): void =>
    void taken[limit]!.push({ tokens, from: clock.now(), to: clock.now() })
  const single = async (limit: number): Promise<void> => {
    for (;;) {
      await limiters[limit]!.acquire()
      note(limit, 1)
    }
  }
  for (let i = 0; i < 3; i++) for (const limit of [0, 1]) single(limit).catch(() => undefined)
  await clock.advance(10)
  const both = RateLimiter.all({ one: limiters[0], two: limiters[1] })
  let granted = 0
  const ofBoth = async (): Promise<void> => {
    for (; ; granted++) {
      await both.acquire({ one: specs[0].cost, two: specs[1].cost })
      specs.forEach(({ cost }, limit) => note(limit, cost))
    }
  }
  ofBoth().catch(() => undefined)
  for (let second = 0; second < seconds; second++) await clock.advance(1000)
  const used = specs.map(
    ({ rate }, limit) => taken[limit]!.reduce((sum, { tokens }) => sum + tokens, 0) / rate / seconds,
  )
  const most = specs.map(({ rate }, limit) => mostOverRate(taken[limit]!, rate / 1000))
  for (const limiter of limiters) limiter[Symbol.dispose]()
  return { granted, used, most }
}

describe('a caller of several limits that others use up', () => {
  it.each<[Scarce, Scarce]>([
    [
      { rate: 1, burst: 1, cost: 1 },
      { rate: 0.7, burst: 1, cost: 1 },
    ],
    [
      { rate: 10, burst: 1, cost: 1 },
      { rate: 10, burst: 1, cost: 1 },
    ],
    [
      { rate: 10, burst: 10, cost: 5 },
      { rate: 7, burst: 10, cost: 5 },
    ],
    [
      { rate: 0.5, burst: 1, cost: 1 },
      { rate: 100, burst: 100, cost: 50 },
    ],
  ])('gets on, and wastes at most twice what it takes: %j and %j', async (...specs) => {
    const { granted, used, most } = await usedUp(120, specs)
    // It is one of four that wait in each.
    const [first, second] = specs.map(({ rate, cost }) => (rate * 120) / (3 + cost))
    expect(granted).toBeGreaterThan(Math.min(first!, second!) / 3)
    for (const share of used) expect(share).toBeGreaterThan(0.75)
    specs.forEach(({ rate, burst, cost }, limit) =>
      expect(most[limit]).toBeLessThanOrEqual(Math.max(burst, cost + rate / 100) + 1e-6),
    )
  })

  it('gives back what was reserved for it when it is aborted', async () => {
    const clock = new FakeClock()
    const [one, two] = [1, 0.7].map((requestsPerSecond) => new RateLimiter({ requestsPerSecond, burstSize: 1, clock }))
    const abort = new AbortController()
    for (const limiter of [one!, two!]) for (let i = 0; i < 4; i++) void limiter.acquire()
    const outcome = outcomeOf(
      clock,
      RateLimiter.all({ one: one!, two: two! }).acquire({ one: 1, two: 1 }, { signal: abort.signal }),
    )
    for (let i = 0; i < 4; i++) for (const limiter of [one!, two!]) void limiter.acquire()
    await clock.advance(5000)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' }, atMs: 5000 })
    await clock.advance(20_000)
    expect([one, two].map((limiter) => limiter!.getAvailableTokens())).toEqual([1, 1])
  })

  it('uses nothing in a pause, also what it had before', async () => {
    const clock = new FakeClock()
    const one = new RateLimiter({ requestsPerSecond: 10, burstSize: 2, clock })
    const two = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    one.tryAcquire(2)
    clock.setTimeout(() => two.tryAcquire(), 100)
    const outcome = outcomeOf(clock, RateLimiter.all({ one, two }).acquire({ one: 1, two: 1 }))
    await clock.advance(150)
    one.pauseFor(500)
    await clock.advance(2000)
    expect((await outcome).atMs).toBeGreaterThanOrEqual(650)
  })
})

interface Stolen {
  clock: FakeClock
  one: RateLimiter
  two: RateLimiter
  abort: AbortController
  stop(): void
}

/**
 * A caller of two limits whose tokens others take within a millisecond, those of the second from 50 ms on: by 150 ms it has had its turn in both, and
 * tokens of both are reserved for it.
 *
 * @param meanwhile - happens at 175 ms
 */
async function stolenFrom(
  policies: readonly [object, object],
  costs: readonly [number, number],
  meanwhile: (all: Stolen) => void = () => undefined,
  twoClock?: FakeClock,
) {
  const clock = new FakeClock()
  const one = new RateLimiter({ ...policies[0], clock })
  const two = new RateLimiter({ ...policies[1], clock: twoClock ?? clock })
  const abort = new AbortController()
  const others: [number, number] = [0, 0]
  const thieves = { areThere: true }
  let outcome: Awaited<ReturnType<typeof outcomeOf>> | undefined
  for (let ms = 0; ms < 8000 && outcome === undefined; ms++) {
    if (ms === 175) meanwhile({ clock, one, two, abort, stop: () => (thieves.areThere = false) })
    while (thieves.areThere && one.tryAcquire()) others[0]++
    while (thieves.areThere && ms >= 50 && two.tryAcquire()) others[1]++
    if (ms === 0) {
      const wait = RateLimiter.all({ one, two }).acquire({ two: costs[1], one: costs[0] }, { signal: abort.signal })
      void outcomeOf(clock, wait).then((found) => (outcome = found))
    }
    await clock.advance(1)
    await twoClock?.advance(1)
  }
  return {
    clock,
    one,
    two,
    others,
    outcome,
    timers: clock.pendingTimers,
    listeners: getEventListeners(abort.signal, 'abort'),
  }
}

const TEN = { requestsPerSecond: 10, burstSize: 1 }
const ONE = { requestsPerSecond: 1, burstSize: 1 }

describe('tokens that are reserved for one moment', () => {
  it.each<[string, (all: Stolen) => void, object]>([
    ['come then, whoever else wants them', () => undefined, { atMs: 200 }],
    [
      'come after a pause',
      ({ one, stop }) => {
        one.pauseFor(500)
        stop()
      },
      { atMs: 700 },
    ],
    ['come later where a limit is slower since', ({ one }) => one.update({ requestsPerSecond: 1 }), { atMs: 495 }],
    [
      'are taken anew where those of another have kept too short',
      ({ one, stop }) => {
        one.update({ requestsPerSecond: 1 })
        // Whose tokens come next, so that what the caller has of this limit could not go back.
        one.reserve(1)
        stop()
      },
      { atMs: 425 },
    ],
    ['come with those of the other for what is given back to one', ({ one }) => one.refund(1), { atMs: 195 }],
    [
      'go back when the caller is aborted',
      ({ abort }) => abort.abort(new Error('enough')),
      { atMs: 175, error: { message: 'enough' } },
    ],
    [
      'go back when a limit is disposed',
      ({ two, stop }) => {
        two[Symbol.dispose]()
        stop()
      },
      { error: { code: 'ERR_SHARED_MEMORY', reason: 'disposed' } },
    ],
  ])('%s', async (_, meanwhile, expected) => {
    const { outcome, timers, listeners } = await stolenFrom([TEN, TEN], [1, 1], meanwhile)
    expect(outcome).toMatchObject(expected)
    expect(timers).toBe(0)
    if (outcome?.error === undefined) expect(listeners).toEqual([])
  })

  it('come soon after the limits have become faster', async () => {
    const { outcome } = await stolenFrom([ONE, ONE], [1, 1], ({ clock, one, two }) => {
      // Until then they are to come at 2000 ms.
      clock.setTimeout(() => [one, two].forEach((limiter) => limiter.update({ requestsPerSecond: 100 })), 1425)
    })
    expect(outcome?.atMs).toBeGreaterThan(1600)
    expect(outcome?.atMs).toBeLessThanOrEqual(1650)
  })

  it('are there again at once for others, as far as they had been produced', async () => {
    const { one, two, timers } = await stolenFrom([TEN, TEN], [1, 1], ({ abort, stop }) => {
      stop()
      abort.abort()
    })
    // Those of the second were reserved behind as many as it produced until then.
    expect([one.getAvailableTokens(), two.getAvailableTokens(), timers]).toEqual([0.76, 0.81, 0])
  })

  it('are there at once for who waits behind', async () => {
    let servedMs = NaN
    await stolenFrom([TEN, TEN], [1, 1], ({ clock, one, abort, stop }) => {
      stop()
      void one.acquire().then(() => (servedMs = clock.now()))
      clock.setTimeout(() => abort.abort(), 10)
    }).then(({ clock }) => clock.advance(100))
    expect(servedMs).toBe(200)
  })

  it('are of a key, too, whose bucket knows nothing of them', async () => {
    const clock = new FakeClock()
    const one = new RateLimiter({ ...TEN, clock })
    const keyed = new KeyedRateLimiter({ ...TEN, capacity: 3, clock })
    one.tryAcquire()
    const outcome = outcomeOf(clock, RateLimiter.all({ one, keyed }).acquire({ one: 1, keyed: { key: 'a' } }))
    const stolenAt: number[] = []
    for (let ms = 0; ms < 160; ms++) {
      while (one.tryAcquire());
      while (ms >= 50 && keyed.tryAcquire('a')) stolenAt.push(ms)
      await clock.advance(1)
    }
    await clock.advance(1000)
    expect(stolenAt).toEqual([50])
    expect(await outcome).toMatchObject({ atMs: 200 })
  })

  it.each<[object, object, readonly [number, number], number]>([
    [TEN, { requestsPerSecond: 1, burstSize: 1 }, [1, 1], 1100],
    [{ requestsPerSecond: 1, burstSize: 1 }, TEN, [1, 1], 2000],
    [{ requestsPerSecond: 10, burstSize: 4 }, { requestsPerSecond: 1, burstSize: 2 }, [4, 2], 2400],
    [{ requestsPerSecond: 20, burstSize: 4 }, { requestsPerSecond: 1, burstSize: 2 }, [2, 1], 1100],
  ])('leave others all else but as much again: %j and %j, %j', async (first, second, costs, atMs) => {
    const { outcome, others, one, two } = await stolenFrom([first, second], costs)
    expect(outcome).toMatchObject({ atMs })
    ;[first, second].forEach((policy, index) => {
      const { requestsPerSecond, burstSize } = policy as typeof TEN
      const produced = burstSize + (requestsPerSecond * atMs) / 1000
      expect(others[index]).toBeGreaterThanOrEqual(Math.floor(produced - 2 * costs[index]!))
      const left = [one, two][index]!.getAvailableTokens()
      expect(others[index]! + costs[index]! + left).toBeLessThanOrEqual(produced + 0.1)
    })
  })

  it('are none where limits go by different clocks: others come first', async () => {
    const { outcome } = await stolenFrom([TEN, TEN], [1, 1], undefined, new FakeClock())
    expect(outcome).toBeUndefined()
  })
})
