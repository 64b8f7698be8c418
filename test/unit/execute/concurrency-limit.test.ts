import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../../dist/execute/lanes/concurrency-limit.js'
import {
  failing,
  latency,
  type Limit,
  normal,
  refusing,
  type ServiceOf,
  type Simulated,
  simulate,
  slots,
} from '../support/simulated-service.js'

class Fixed implements Limit {
  constructor(readonly limit: number) {}

  settled(): void {
    // It never changes.
  }
}

interface Shape {
  readonly service: ServiceOf
  readonly burnMs?: number
  readonly knee?: number
  readonly turnMs?: number
}

const constant = (ms: number): Shape => ({ service: latency(() => ms) })
const lognormal = (sigma: number): Shape => ({ service: latency((random) => 30 * Math.exp(sigma * normal(random))) })
const halfInstant: Shape = { service: (items) => (atMs, index) => ({ doneMs: atMs + (index < items / 2 ? 0 : 30) }) }
const SHAPES: Readonly<Record<string, Shape>> = {
  'constant 2': constant(2),
  'constant 10': constant(10),
  'constant 50': constant(50),
  'constant 10, started in turns': { ...constant(10), turnMs: 0.3 },
  'lognormal 0.5': lognormal(0.5),
  'lognormal 0.8': lognormal(0.8),
  'lognormal 1.2': lognormal(1.2),
  'even 1-60': { service: latency((random) => 1 + 59 * random()) },
  'bimodal 1/30': { service: latency((random) => (random() < 0.5 ? 1 : 30)) },
  '50 instant, then 30': { service: latency((_random, index) => (index < 50 ? 0 : 30)) },
  'half instant, then 30': halfInstant,
  instant: constant(0),
  'burn 1, wait 20': { service: latency(() => 20), burnMs: 1, knee: 21 },
  'knee 32': { service: slots(32, 20), knee: 32 },
  'knee 32, spread': { service: slots(32, 20, { sigma: 0.8 }), knee: 32 },
  'knee 100': { service: slots(100, 20), knee: 100 },
  'knee 8': { service: slots(8, 20), knee: 8 },
  'falls beyond 32': { service: slots(32, 20, { thrash: 0.5 }), knee: 32 },
  'refuses beyond 64': { service: refusing(64), knee: 64 },
  '5 % fail': { service: failing(0.05) },
  '32 slots, then 16': { service: slots(32, 20, { later: 16 }), knee: 32 },
}

const LEVELS = [4, 8, 16, 32, 64, 128, 256]
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN
const perSuccess = ({ ms, failed }: Simulated, items: number): number => ms / Math.max(1, items - failed)

/** Time of a success over that of the best fixed number, as a median of several seeds; and the same medians of the rest. */
function over(shape: Shape, items: number, seeds: number): { ratio: number; failed: number; overKnee: number } {
  const runs = (limit: () => Limit): Simulated[] =>
    Array.from({ length: seeds }, (_, seed) => simulate(shape.service, items, limit(), seed + 1, shape))
  const time = (all: Simulated[]): number => median(all.map((run) => perSuccess(run, items)))
  const best = Math.min(...LEVELS.map((level) => time(runs(() => new Fixed(level)))))
  const own = runs(() => new ConcurrencyLimit(items))
  return {
    ratio: time(own) / best,
    failed: median(own.map((run) => run.failed)),
    overKnee: median(own.map((run) => run.overKnee)),
  }
}

// Figures of the rule as it was designed, by a simulator of its own.
const AT_1000: Readonly<Record<string, number>> = {
  'constant 2': 1.47,
  'constant 10': 1.68,
  'constant 50': 1.74,
  'constant 10, started in turns': 1.68,
  'lognormal 0.5': 1.4,
  'lognormal 0.8': 1.3,
  'lognormal 1.2': 1.17,
  'even 1-60': 1.52,
  'bimodal 1/30': 1.84,
  '50 instant, then 30': 1.74,
  'half instant, then 30': 2.37,
  instant: 1,
  'burn 1, wait 20': 1,
  'knee 32': 1.03,
  'knee 32, spread': 1.04,
  'knee 100': 1.1,
  'knee 8': 1.02,
  'falls beyond 32': 1.42,
  'refuses beyond 64': 1.05,
  '5 % fail': 1.5,
  '32 slots, then 16': 1.02,
}

describe('the concurrency limit', () => {
  it.each(Object.entries(AT_1000))('takes 1,000 items in at most its time over the best number: %s', (name, figure) => {
    expect(over(SHAPES[name] as Shape, 1000, 11).ratio).toBeLessThanOrEqual(1.05 * figure)
  })

  it.each(Object.keys(SHAPES))('is within a tenth of the best number with 10,000 items: %s', (name) => {
    expect(over(SHAPES[name] as Shape, 10_000, 3).ratio).toBeLessThanOrEqual(1.105)
  })

  it.each(Object.keys(SHAPES))('does with 100 items what 64 at once do: %s', (name) => {
    const { service, ...thread } = SHAPES[name] as Shape
    const own = simulate(service, 100, new ConcurrencyLimit(100), 1, thread)
    const fixed = simulate(service, 100, new Fixed(64), 1, thread)
    expect(perSuccess(own, 100)).toBeLessThanOrEqual(1.001 * perSuccess(fixed, 100))
  })

  it.each(['burn 1, wait 20', 'knee 32', 'knee 32, spread', 'knee 100', 'falls beyond 32', '32 slots, then 16'])(
    'is seldom above what the service can take at once: %s',
    (name) => {
      expect(over(SHAPES[name] as Shape, 10_000, 3).overKnee).toBeLessThanOrEqual(0.13)
    },
  )

  it('lets at most one in a hundred fail at a service that refuses beyond 64', () => {
    expect(over(SHAPES['refuses beyond 64'] as Shape, 1000, 11).failed).toBeLessThanOrEqual(24)
    expect(over(SHAPES['refuses beyond 64'] as Shape, 10_000, 3).failed).toBeLessThanOrEqual(100)
  })

  it.each([0.2, 0.5, 1])('takes failures by chance for results: a share of %d', (share) => {
    const own = simulate(failing(share), 10_000, new ConcurrencyLimit(10_000), 1)
    const fixed = simulate(failing(share), 10_000, new Fixed(256), 1)
    expect(own.ms).toBeLessThanOrEqual(2 * fixed.ms)
  })

  it.each(Object.keys(SHAPES))('goes on with any number of items: %s', (name) => {
    const { service, ...thread } = SHAPES[name] as Shape
    for (const items of [1, 2, 3, 7, 8, 63, 64, 65, 200]) {
      const { mostInFlight } = simulate(service, items, new ConcurrencyLimit(items), 1, thread)
      expect(mostInFlight).toBeLessThanOrEqual(Math.min(items, 256))
    }
  })

  it('does not wait for an item that never settles', () => {
    const hangs: ServiceOf = () => (atMs, index) => ({ doneMs: index === 5 ? 1e9 : atMs + 20 })
    const { mostInFlight } = simulate(hangs, 5000, new ConcurrencyLimit(5000), 1)
    expect(mostInFlight).toBe(256)
  })

  it('judges items that keep the thread busy for longer than a round', () => {
    const limit = new ConcurrencyLimit(500)
    const { ms } = simulate(
      latency(() => 1),
      500,
      limit,
      1,
      { burnMs: 10 },
    )
    expect(ms).toBeLessThan(500 * 10.1)
  })

  it('finds what comes after 10,000 instant items', () => {
    const service: ServiceOf = () => (atMs, index) => ({ doneMs: atMs + (index < 10_000 ? 0 : 30) })
    const own = simulate(service, 20_000, new ConcurrencyLimit(20_000), 1)
    const best = simulate(service, 20_000, new Fixed(256), 1)
    expect(own.ms).toBeLessThanOrEqual(1.2 * best.ms)
  })

  it('learns nothing from a source that gives items more slowly than they settle', () => {
    const limit = new ConcurrencyLimit()
    // One at a time, 2 ms after the last one.
    for (let i = 1; i <= 10_000; i++) limit.settled(12 * i, 10, 1, false, i - 1, i)
    expect(limit.limit).toBe(64)
    expect(limit.found).toBeUndefined()
  })

  it('knows the level it has found while it tries fewer', () => {
    const found = new Set<number | undefined>()
    class Watched extends ConcurrencyLimit {
      override settled(...item: Parameters<ConcurrencyLimit['settled']>): void {
        super.settled(...item)
        if (this.found !== undefined || found.size > 0) found.add(this.found)
      }
    }
    simulate(
      latency(() => 10),
      50_000,
      new Watched(),
      1,
    )
    expect([...found]).toEqual([256])
  })

  it('hands on the level that was found through runs of few items', () => {
    let found: number | undefined = 64
    for (const items of [36, 2, 1, 8, 1]) {
      const limit: ConcurrencyLimit = new ConcurrencyLimit(items, found)
      for (let i = 0; i < items; i++) limit.settled(5, 5, items - i, false, i, items)
      expect(limit.found).toBe(64)
      ;({ found } = limit)
    }
    expect(new ConcurrencyLimit(1000, found).limit).toBe(64)
  })

  it.each([0, 0.3])('tries no fewer soon where the most were found best: turns of %d ms', (turnMs) => {
    const service = latency(() => 10)
    const again = simulate(service, 10_000, new ConcurrencyLimit(10_000, 256), 1, { turnMs })
    const best = simulate(service, 10_000, new Fixed(256), 1, { turnMs })
    expect(again.ms).toBe(best.ms)
  })

  it('begins at the level that was found', () => {
    const first = new ConcurrencyLimit(10_000)
    simulate((SHAPES['knee 32'] as Shape).service, 10_000, first, 1)
    const { found } = first
    expect(found).toBeGreaterThanOrEqual(24)
    expect(found).toBeLessThanOrEqual(48)
    const again = new ConcurrencyLimit(1000, found)
    expect(again.limit).toBe(found)
    const { overKnee } = simulate((SHAPES['knee 32'] as Shape).service, 1000, again, 2, { knee: 32 })
    expect(overKnee).toBeLessThanOrEqual(0.35)
  })
})
