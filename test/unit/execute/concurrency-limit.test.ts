import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../../dist/execute/lanes/concurrency-limit.js'
import type { Search } from '../../../dist/execute/schedule/timing.js'
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
  readonly tickMs?: number
}

const constant = (ms: number): Shape => ({ service: latency(() => ms) })
const lognormal = (sigma: number): Shape => ({ service: latency((random) => 30 * Math.exp(sigma * normal(random))) })
const even: Shape = { service: latency((random) => 1 + 59 * random()) }
const growing: Shape = { service: (items) => (atMs, index) => ({ doneMs: atMs + 5 + (25 * index) / items }) }
/** Equal calls, so that they end in bunches, of a service that becomes slower beyond 24. */
const thrashing: Shape = { service: slots(24, 8.5, { thrash: 1.75, sigma: 0 }), knee: 24 }
const SHAPES = {
  'constant 2': constant(2),
  'constant 10': constant(10),
  'constant 50': constant(50),
  'constant 10, started in turns': { ...constant(10), turnMs: 0.3 },
  'about 10, by timers': { service: latency((random) => 10 + random()), tickMs: 1 },
  'lognormal 0.5': lognormal(0.5),
  'lognormal 0.8': lognormal(0.8),
  'lognormal 1.2': lognormal(1.2),
  'even 1-60': even,
  'even 1-60, by timers': { ...even, tickMs: 1 },
  'bimodal 1/30': { service: latency((random) => (random() < 0.5 ? 1 : 30)) },
  '50 instant, then 30': { service: latency((_random, index) => (index < 50 ? 0 : 30)) },
  'half instant, then 30': { service: (items) => (atMs, index) => ({ doneMs: atMs + (index < items / 2 ? 0 : 30) }) },
  'growing 5-30': growing,
  'growing 5-30, by timers': { ...growing, tickMs: 1 },
  instant: constant(0),
  'burn 1, wait 20': { service: latency(() => 20), burnMs: 1, knee: 21 },
  'knee 8': { service: slots(8, 20), knee: 8 },
  'knee 24': { service: slots(24, 20), knee: 24 },
  'knee 32': { service: slots(32, 20), knee: 32 },
  'knee 32, spread': { service: slots(32, 20, { sigma: 0.8 }), knee: 32 },
  'knee 100': { service: slots(100, 20), knee: 100 },
  'one at a time': { service: slots(1, 5, { sigma: 0 }), knee: 4 },
  'falls beyond 32': { service: slots(32, 20, { thrash: 0.5 }), knee: 32 },
  'thrashes beyond 24': thrashing,
  'thrashes beyond 24, by timers': { ...thrashing, tickMs: 1 },
  'thrashes beyond 24, in bunches of 10 ms': {
    service: slots(24, 8.5, { thrash: 1.75, sigma: 0.1 }),
    knee: 24,
    tickMs: 10,
  },
  'refuses beyond 64': { service: refusing(64), knee: 64 },
  'refuses beyond 20': { service: refusing(20), knee: 20 },
  '5 % fail': { service: failing(0.05) },
  '32 slots, then 16': { service: slots(32, 20, { later: 16 }), knee: 32 },
} satisfies Readonly<Record<string, Shape>>

const LEVELS = [4, 8, 16, 24, 32, 64, 100, 128, 256]
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN
const perSuccess = ({ ms, failed }: Simulated, items: number): number => ms / Math.max(1, items - failed)

/** Calls one after the other, each of which begins with what the one before has found. */
function calls(shape: Shape, items: number, count: number, seed: number, found?: Search): Simulated[] {
  return Array.from({ length: count }, (_, call) => {
    const limit = new ConcurrencyLimit(items, found)
    const run = simulate(shape.service, items, limit, 100 * seed + call, shape)
    found = limit.found
    return run
  })
}

/** Times of a success over that of the best fixed number, as medians of several seeds: of the first, of the third, and of all of seven calls. */
function over(shape: Shape, items: number, seeds: number, count: number): readonly [number, number, number] {
  const fixed = (level: number): number =>
    median(
      Array.from({ length: seeds }, (_, seed) =>
        perSuccess(simulate(shape.service, items, new Fixed(level), seed + 1, shape), items),
      ),
    )
  const best = Math.min(...LEVELS.map(fixed))
  const all = Array.from({ length: seeds }, (_, seed) =>
    calls(shape, items, count, seed + 1).map((run) => perSuccess(run, items)),
  )
  const mean = (times: number[]): number => times.reduce((sum, time) => sum + time, 0) / times.length
  const ofCall = (call: number): number => median(all.map((times) => times[call] as number)) / best
  return [ofCall(0), ofCall(2), median(all.map(mean)) / best]
}

/** At most so many times the time of the best number: all of seven calls of 100, 300 and 600 items, the first and the third of 1,000 and of 10,000. */
const MOST_TIMES: Readonly<Record<keyof typeof SHAPES, readonly number[]>> = {
  'constant 2': [1.23, 1.14, 1.1, 1.5, 1, 1.07, 1.03],
  'constant 10': [1.28, 1.15, 1.1, 1.7, 1, 1.06, 1.01],
  'constant 50': [1.29, 1.15, 1.1, 1.74, 1, 1.06, 1.01],
  'constant 10, started in turns': [1.28, 1.15, 1.1, 1.69, 1, 1.06, 1.01],
  'about 10, by timers': [1.26, 1.14, 1.09, 1.68, 1, 1.07, 1.03],
  'lognormal 0.5': [0.95, 1.15, 1.2, 1.23, 0.92, 1.06, 1.01],
  'lognormal 0.8': [0.92, 1.19, 1.28, 1, 1.04, 1.13, 1.14],
  'lognormal 1.2': [0.92, 1.26, 1.45, 0.84, 1.2, 1.07, 0.96],
  'even 1-60': [1.06, 1.18, 1.11, 1.55, 0.99, 1.07, 1.01],
  'even 1-60, by timers': [1.06, 1.18, 1.11, 1.54, 0.99, 1.06, 1.01],
  'bimodal 1/30': [1.02, 1.15, 1.08, 1.85, 0.99, 1.06, 1.01],
  '50 instant, then 30': [1.01, 1.28, 1.1, 1.5, 1, 1.06, 1.03],
  'half instant, then 30': [1.01, 1.28, 1.08, 1.93, 1, 1.1, 1.1],
  'growing 5-30': [1.07, 1.51, 1.57, 2.91, 1, 1.02, 1.03],
  'growing 5-30, by timers': [1.06, 1.55, 1.57, 2.91, 1, 1.03, 1.04],
  instant: [1, 1, 1, 1, 1, 1, 1],
  'burn 1, wait 20': [1.01, 1.01, 1.02, 1.02, 1.02, 1.01, 1.01],
  'knee 8': [0.96, 1, 1.03, 1.04, 1.05, 1.03, 1.02],
  'knee 24': [0.95, 1, 1.02, 1, 1.07, 1.02, 1.03],
  'knee 32': [0.97, 1, 1.03, 1.03, 1.03, 1.02, 1.01],
  'knee 32, spread': [0.86, 1.1, 1.06, 0.96, 0.98, 1.01, 1.03],
  'knee 100': [1.08, 1.04, 1.02, 1.06, 1.08, 1.02, 1.01],
  'one at a time': [1, 1, 1, 1, 1, 1, 1],
  'falls beyond 32': [1.25, 1.23, 1.22, 1.47, 1.12, 1.15, 1.12],
  'thrashes beyond 24': [1.76, 1.75, 1.56, 3.14, 1.07, 1.24, 1.02],
  'thrashes beyond 24, by timers': [1.56, 1.93, 1.79, 3, 1.17, 1.22, 1.17],
  'thrashes beyond 24, in bunches of 10 ms': [1.39, 1.63, 1.65, 2.6, 1.03, 1.18, 1.08],
  'refuses beyond 64': [1, 1, 1, 0.99, 1, 1, 1],
  'refuses beyond 20': [1.18, 0.99, 1, 0.99, 1.01, 1, 1],
  '5 % fail': [1.14, 1.18, 1.13, 1.53, 1.02, 1.07, 1.07],
  '32 slots, then 16': [0.94, 1, 1.01, 1, 1, 1.02, 1.02],
}
const cases = Object.entries(MOST_TIMES) as [keyof typeof SHAPES, readonly number[]][]

describe('the number of items in flight', () => {
  it.each(cases)('takes little more than the best fixed number: %s', (name, most) => {
    const shape: Shape = SHAPES[name]
    const few = [100, 300, 600].map((items) => over(shape, items, 5, 7)[2])
    const many = [
      [1000, 5],
      [10_000, 3],
    ].flatMap(([items = NaN, seeds = NaN]) => over(shape, items, seeds, 3).slice(0, 2))
    const seen = [...few, ...many].map((times) => Math.round(100 * times) / 100)
    expect(seen.map((times, at) => Math.max(times, most[at] ?? NaN))).toEqual(most)
  })

  it.each([
    'knee 24',
    'knee 32',
    'one at a time',
    'falls beyond 32',
    'thrashes beyond 24',
    'refuses beyond 64',
  ] as const)('is seldom above what the service can take: %s', (name) => {
    const [first, , third] = calls(SHAPES[name], 10_000, 3, 1)
    expect(first?.overKnee).toBeLessThanOrEqual(0.23)
    expect(third?.overKnee).toBeLessThanOrEqual(0.1)
  })

  it.each<[number, number, number]>([
    [64, 1000, 24],
    [64, 10_000, 100],
    [20, 1000, 80],
    [20, 10_000, 240],
  ])('makes a service that refuses beyond %d refuse few of %d', (most, items, refused) => {
    const runs = Array.from({ length: 5 }, (_, seed) =>
      simulate(refusing(most), items, new ConcurrencyLimit(items), seed),
    )
    expect(median(runs.map(({ failed }) => failed))).toBeLessThanOrEqual(refused)
  })

  it.each([0.2, 0.5, 1])('takes failures by chance for results: a share of %d', (share) => {
    const own = simulate(failing(share), 10_000, new ConcurrencyLimit(10_000), 1)
    const fixed = simulate(failing(share), 10_000, new Fixed(256), 1)
    expect(own.ms).toBeLessThanOrEqual(2 * fixed.ms)
  })

  it.each(cases)('is at most that of the items, and 256, and all items end: %s', (name) => {
    const shape: Shape = SHAPES[name]
    for (const items of [1, 2, 3, 7, 8, 63, 64, 65, 200, 400])
      for (const { mostInFlight } of calls(shape, items, 5, 1))
        expect(mostInFlight).toBeLessThanOrEqual(Math.min(items, 256))
  })

  it('does not wait for items that never settle', () => {
    const hangs: ServiceOf = () => (atMs, index) => ({ doneMs: [5, 63, 64, 200].includes(index) ? 1e9 : atMs + 20 })
    const { mostInFlight } = simulate(hangs, 9000, new ConcurrencyLimit(9000), 1)
    expect(mostInFlight).toBe(256)
  })

  it('is found where items keep the thread busy for longer than a round', () => {
    const { ms } = simulate(
      latency(() => 1),
      500,
      new ConcurrencyLimit(500),
      1,
      { burnMs: 10 },
    )
    expect(ms).toBeLessThan(500 * 10.1)
  })

  it('is found for what comes after 10,000 instant items', () => {
    const service: ServiceOf = () => (atMs, index) => ({ doneMs: atMs + (index < 10_000 ? 0 : 30) })
    const own = simulate(service, 20_000, new ConcurrencyLimit(20_000), 1)
    const best = simulate(service, 20_000, new Fixed(256), 1)
    expect(own.ms).toBeLessThanOrEqual(1.2 * best.ms)
  })

  it('stays where a source gives items more slowly than they settle', () => {
    const limit = new ConcurrencyLimit()
    // One at a time, 2 ms after the last one.
    for (let i = 1; i <= 10_000; i++) limit.settled(12 * i, 10, 1, false, i - 1, i)
    expect(limit.limit).toBe(64)
    expect(limit.found).toEqual(new ConcurrencyLimit().found)
  })

  it('is handed on through runs of few items', () => {
    const search = { level: 64, phase: 'hold', patience: 8, held: 3, isLowerNext: true } as const
    let found: Search = search
    for (const items of [36, 2, 1, 8, 1]) {
      const limit = new ConcurrencyLimit(items, found)
      for (let i = 0; i < items; i++) limit.settled(5, 5, items - i, false, i, items)
      ;({ found } = limit)
    }
    expect(found).toEqual(search)
    expect(new ConcurrencyLimit(1000, found).limit).toBe(64)
  })

  it('is sought from the one that was held once items have become much slower, and not after one slow window', () => {
    const search = {
      level: 32,
      phase: 'hold',
      reference: { level: 32, rate: 4 },
      patience: 64,
      held: 0,
      isLowerNext: false,
    } as const
    const after = (windows: number): Search => {
      const limit = new ConcurrencyLimit(Infinity, search)
      // Four times as slow: a round of 32 takes 32 ms.
      for (let i = 0; i < 32 * windows; i++) limit.settled(i + 1, 32, 32, false, i, i + 32)
      return limit.found
    }
    expect(after(1)).toMatchObject({ level: 32, phase: 'hold' })
    expect(after(2)).toMatchObject({ level: 32, phase: 'up' })
    expect(after(4)).toMatchObject({ level: 64, phase: 'up' })
  })
})
