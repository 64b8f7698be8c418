// Several limits at once, some of them by key, each of them used up by others: the caller must get on, and the others with it.
import { describe, expect, it } from 'vitest'
import { type AcquireOptions, KeyedRateLimiter, RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { mostOverRate } from '../../support/fullest-window.js'
import { outcomeOf } from '../../support/policies.js'

interface Scarce {
  rate: number
  burst: number
  cost: number
  /** Tokens that each other caller takes. */
  other: number
}

/** A limit, by key or not, as one. */
class Limit {
  readonly limiter: RateLimiter | KeyedRateLimiter
  readonly taken: { tokens: number; from: number; to: number }[] = []
  readonly #clock: FakeClock

  constructor({ rate, burst }: Pick<Scarce, 'rate' | 'burst'>, isKeyed: boolean, clock: FakeClock) {
    const options = { requestsPerSecond: rate, burstSize: burst, clock }
    this.limiter = isKeyed ? new KeyedRateLimiter({ ...options, capacity: 16 }) : new RateLimiter(options)
    this.#clock = clock
  }

  acquire(tokens: number, options?: AcquireOptions): Promise<void> {
    const { limiter } = this
    return limiter instanceof RateLimiter ? limiter.acquire(tokens, options) : limiter.acquire('k', tokens, options)
  }

  get available(): number {
    const { limiter } = this
    return limiter instanceof RateLimiter ? limiter.getAvailableTokens() : limiter.getAvailableTokens('k')
  }

  costOf(tokens: number): never {
    return (this.limiter instanceof RateLimiter ? tokens : { key: 'k', tokens }) as never
  }

  note(tokens: number): void {
    this.taken.push({ tokens, from: this.#clock.now(), to: this.#clock.now() })
  }

  async useUp(tokens: number): Promise<void> {
    for (;;) {
      await this.acquire(tokens)
      this.note(tokens)
    }
  }
}

function pair(specs: readonly [Scarce, Scarce], kinds: readonly boolean[]) {
  const clock = new FakeClock()
  const [one, two] = specs.map((spec, i) => new Limit(spec, kinds[i]!, clock)) as [Limit, Limit]
  return { clock, one, two, both: RateLimiter.all({ one: one.limiter, two: two.limiter } as never) as Both }
}
type Both = ReturnType<typeof RateLimiter.all<{ one: RateLimiter; two: RateLimiter }>>

const kinds: [string, readonly boolean[]][] = [
  ['the second by key', [false, true]],
  ['the first by key', [true, false]],
  ['both by key', [true, true]],
]
const cases: [Scarce, Scarce][] = [
  [
    { rate: 10, burst: 10, cost: 10, other: 3 },
    { rate: 7, burst: 10, cost: 10, other: 3 },
  ],
  [
    { rate: 10, burst: 10, cost: 9, other: 7 },
    { rate: 3, burst: 10, cost: 9, other: 7 },
  ],
  [
    { rate: 1, burst: 1, cost: 1, other: 1 },
    { rate: 0.7, burst: 1, cost: 1, other: 1 },
  ],
  [
    { rate: 0.5, burst: 1, cost: 1, other: 1 },
    { rate: 100, burst: 100, cost: 50, other: 1 },
  ],
]

describe.each(kinds)('a caller of several limits that others use up, %s', (_, isKeyed) => {
  it.each(cases)('gets on, and wastes at most twice what it takes: %j and %j', async (...specs) => {
    const seconds = 240
    const { clock, one, two, both } = pair(specs, isKeyed)
    const limits = [one, two]
    limits.forEach((limit, i) => {
      for (let n = 0; n < 3; n++) limit.useUp(specs[i]!.other).catch(() => undefined)
    })
    await clock.advance(10)
    let granted = 0
    const ofBoth = async (): Promise<void> => {
      for (; ; granted++) {
        await both.acquire({ one: one.costOf(specs[0].cost), two: two.costOf(specs[1].cost) })
        limits.forEach((limit, i) => limit.note(specs[i]!.cost))
      }
    }
    ofBoth().catch(() => undefined)
    for (let second = 0; second < seconds; second++) await clock.advance(1000)
    const [first, second] = specs.map(({ rate, cost, other }) => (rate * seconds) / (3 * other + cost))
    expect(granted).toBeGreaterThan(Math.min(first!, second!) / 3)
    specs.forEach(({ rate, burst, cost, other }, i) => {
      const { taken } = limits[i]!
      const used = taken.reduce((sum, { tokens }) => sum + tokens, 0) / rate / seconds
      expect(used).toBeGreaterThan(0.7)
      const most = Math.max(burst, Math.max(cost, other) + rate / 100)
      expect(mostOverRate(taken, rate / 1000)).toBeLessThanOrEqual(most + 1e-6)
    })
    for (const { limiter } of limits) limiter[Symbol.dispose]()
  })

  it('gives back what was reserved for it when it is aborted', async () => {
    const spec = { burst: 1, cost: 1, other: 1 }
    const { clock, one, two, both } = pair(
      [
        { rate: 1, ...spec },
        { rate: 0.7, ...spec },
      ],
      isKeyed,
    )
    const abort = new AbortController()
    const crowd = (): void => {
      for (const limit of [one, two]) for (let i = 0; i < 4; i++) void limit.acquire(1)
    }
    crowd()
    const costs = { one: one.costOf(1), two: two.costOf(1) }
    const outcome = outcomeOf(clock, both.acquire(costs, { signal: abort.signal }))
    crowd()
    await clock.advance(5000)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' }, atMs: 5000 })
    await clock.advance(20_000)
    expect([one.available, two.available]).toEqual([1, 1])
  })
})

describe('what is reserved of a key for a caller of several limits', () => {
  /** Two limits whose tokens others take at once: by 150 ms tokens of both are reserved. `meanwhile` happens at 175 ms. */
  async function stolen(meanwhile: (keyed: KeyedRateLimiter) => void) {
    const spec = { rate: 10, burst: 1, cost: 1, other: 1 }
    const { clock, one, two, both } = pair([spec, spec], [false, true])
    const keyed = two.limiter as KeyedRateLimiter
    let outcome: Awaited<ReturnType<typeof outcomeOf>> | undefined
    for (let ms = 0; ms < 4000 && outcome === undefined; ms++) {
      if (ms === 175) meanwhile(keyed)
      while ((one.limiter as RateLimiter).tryAcquire()) one.note(1)
      while (ms >= 50 && keyed.tryAcquire('k')) two.note(1)
      if (ms === 0) {
        const asked = both.acquire({ one: one.costOf(1), two: two.costOf(1) }).then(() => two.note(1))
        void outcomeOf(clock, asked).then((ended) => (outcome = ended))
      }
      await clock.advance(1)
    }
    return { outcome, most: mostOverRate(two.taken, 0.01) }
  }

  it('is used when it comes', async () => {
    const { outcome, most } = await stolen(() => undefined)
    expect(outcome!.atMs).toBeLessThan(400)
    expect(most).toBeLessThanOrEqual(1.1 + 1e-6)
  })

  it('comes earlier where tokens of the key are given back, and no more is used', async () => {
    const { outcome, most } = await stolen((keyed) => keyed.refund('k', 0.5))
    expect(outcome!.atMs).toBeLessThan(400)
    expect(most).toBeLessThanOrEqual(1.6 + 1e-6)
  })

  it('is not used in a pause of the key', async () => {
    const { outcome } = await stolen((keyed) => keyed.pauseFor('k', 1000))
    expect(outcome!.atMs).toBeGreaterThanOrEqual(1175)
  })

  it('is not used beside a bucket that was filled', async () => {
    const { outcome, most } = await stolen((keyed) => keyed.reset('k'))
    expect(outcome).toBeDefined()
    // The one token of the bucket that was filled comes on top.
    expect(most).toBeLessThanOrEqual(2.1 + 1e-6)
  })
})
