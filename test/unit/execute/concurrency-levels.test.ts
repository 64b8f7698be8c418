import { expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../../dist/execute/lanes/concurrency-limit.js'

interface Service {
  /** Items per millisecond while so many are in flight. */
  readonly rate: (inFlight: number, index: number) => number
  readonly items: number
  readonly fails?: (inFlight: number, index: number) => boolean
  /** Of the mean time in flight, by turns. */
  readonly spread?: readonly number[]
  readonly limit?: ConcurrencyLimit
}

/**
 * The levels that were kept, each with how many times as many items have settled at it. Items settle evenly, and as many are in flight as may
 * be, so that nothing is chance.
 */
function levels({
  rate,
  items,
  fails = () => false,
  spread = [1],
  limit = new ConcurrencyLimit(),
}: Service): [string, number | undefined] {
  const kept: { level: number; items: number }[] = []
  let nowMs = 0
  for (let index = 0; index < items; index++) {
    const inFlight = limit.limit
    const itemMs = 1 / rate(inFlight, index)
    nowMs += itemMs
    const ms = (spread[index % spread.length] ?? 1) * inFlight * itemMs
    limit.settled(nowMs, ms, inFlight, fails(inFlight, index), index, index + inFlight)
    if (limit.limit !== inFlight) continue
    const last = kept.at(-1)
    if (last?.level === inFlight) last.items++
    else kept.push({ level: inFlight, items: 1 })
  }
  return [kept.map(({ level, items: many }) => `${level}x${(many / level).toFixed(1)}`).join(' '), limit.found]
}

const upTo =
  (most: number): Service['rate'] =>
  (inFlight) =>
    Math.min(inFlight, most) / 20
const after =
  (items: number, before: Service['rate'], then: Service['rate']): Service['rate'] =>
  (inFlight, index) =>
    (index < items ? before : then)(inFlight, index)
const every =
  (items: number): NonNullable<Service['fails']> =>
  (_inFlight, index) =>
    index % items === 0
const apart = [0.4, 1.6]

it.each<[string, Service, string, number]>([
  ['a service without an end', { rate: upTo(Infinity), items: 16_000 }, '64x0.9 128x0.9 256x56.9 171x1.7 256x2.7', 256],
  [
    '32 at once',
    { rate: upTo(32), items: 8000 },
    '64x0.9 128x0.9 32x1.8 16x1.8 32x14.0 48x0.8 21x1.8 32x56.0 48x0.8 21x1.8 32x112.0 48x0.8 21x1.8 32x47.8',
    32,
  ],
  [
    '100 at once',
    { rate: upTo(100), items: 6000 },
    '64x0.9 128x0.9 110x7.9 165x0.9 55x1.8 110x27.9 165x0.9 73x1.7 110x10.2',
    110,
  ],
  [
    '8 at once',
    { rate: upTo(8), items: 1200 },
    '64x0.9 128x0.9 32x1.8 16x1.8 8x2.0 4x4.3 8x16.0 12x0.7 5x3.4 8x64.0 12x0.7 5x3.4 8x17.4',
    8,
  ],
  [
    '2 at once',
    { rate: upTo(2), items: 800 },
    '64x0.9 128x0.9 32x1.8 16x1.8 8x2.0 4x20.5 6x1.2 4x34.3 6x1.2 4x56.8',
    4,
  ],
  [
    'slower beyond 64',
    { rate: (level) => (level > 64 ? 20 : level) / 20, items: 4000 },
    '64x0.9 128x0.9 64x1.8 32x1.8 64x14.0 96x0.9 64x1.8 43x1.7 64x36.7',
    64,
  ],
  [
    'slower when the level is tried',
    { rate: after(200, upTo(Infinity), upTo(20)), items: 2000 },
    '64x0.9 128x0.9 64x2.7 128x0.9 32x1.8 16x1.8 22x13.8 33x0.8 15x1.8 22x43.5',
    22,
  ],
  [
    'slower for one window',
    { rate: (level, i) => upTo(32)(level, i) * (i >= 895 && i < 905 ? 0.1 : 1), items: 1400 },
    '64x0.9 128x0.9 32x1.8 16x1.8 32x14.0 48x0.8 21x1.8 32x16.1',
    32,
  ],
  [
    'slower for two windows',
    { rate: (level, i) => upTo(32)(level, i) * (i >= 900 && i < 940 ? 0.3 : 1), items: 1400 },
    '64x0.9 128x0.9 32x1.8 16x1.8 32x14.0 48x0.8 21x1.8 32x1.7 64x0.9 128x0.9 32x1.8 16x1.8 32x3.0',
    32,
  ],
  [
    'slower after a while',
    { rate: after(500, upTo(32), upTo(16)), items: 1600 },
    '64x0.9 128x0.9 32x1.8 16x1.8 32x7.0 64x0.9 128x0.9 32x1.8 16x1.8 8x2.1 16x13.9 24x0.8 11x1.7 16x24.8',
    16,
  ],
  [
    'faster after a while',
    { rate: after(500, upTo(32), upTo(128)), items: 7000 },
    '64x0.9 128x0.9 32x1.8 16x1.8 32x14.0 48x0.9 96x0.9 192x0.9 64x1.8 96x14.0 144x0.9 256x0.9 96x1.8 141x14.0 212x0.9 94x1.8 141x8.0',
    141,
  ],
  [
    'half as much from 64 on',
    { rate: (level) => (level + Math.min(level, 64)) / 40, items: 6000 },
    '64x0.9 128x0.9 106x7.8 159x0.9 53x1.8 106x27.8 159x0.9 256x5.4',
    256,
  ],
  [
    'less than half as much from 64 on',
    { rate: (level) => (level + Math.min(level, 64) * 1.5) / 40, items: 4000 },
    '64x0.9 128x0.9 32x1.8 64x14.0 96x0.9 43x1.7 64x40.2',
    64,
  ],
  [
    'items apart, 32 at once',
    { rate: upTo(32), items: 2000, spread: apart },
    '64x0.9 128x1.7 32x1.8 16x1.8 32x14.0 48x1.7 21x1.8 32x30.0',
    32,
  ],
  [
    'items apart, 20 at once',
    { rate: upTo(20), items: 2000, spread: apart },
    '64x0.9 128x1.7 32x1.8 16x2.7 22x13.8 33x1.7 15x1.8 22x52.1',
    22,
  ],
  [
    'instant at first',
    { rate: (level, i) => level / (i < 1000 ? 0.9 : 10), items: 3000 },
    '64x15.8 128x0.9 64x2.7 128x0.9 256x5.3',
    256,
  ],
  [
    'all fail beyond 64',
    { rate: upTo(64), items: 10_000, fails: (level) => level > 64 },
    '64x0.9 65x0.1 64x113.8 65x0.1 64x41.3',
    64,
  ],
  [
    'all fail beyond 16',
    { rate: upTo(64), items: 4000, fails: (level) => level > 16 },
    '64x0.1 32x1.2 16x116.1 17x0.4 16x116.1 17x0.4 16x13.7',
    16,
  ],
  [
    'all fail',
    { rate: upTo(64), items: 3000, fails: every(1) },
    '64x0.1 32x1.2 16x1.4 8x1.8 4x2.8 64x0.9 128x0.9 32x1.8 64x14.0 96x0.9 43x1.7 64x22.2',
    64,
  ],
  [
    'a third fails',
    { rate: upTo(Infinity), items: 3000, fails: every(3) },
    '64x0.4 32x1.8 16x2.8 8x4.4 4x8.3 64x0.9 128x0.9 256x9.3',
    256,
  ],
  [
    'a third fails beyond 32, and a tenth below',
    { rate: upTo(Infinity), items: 3000, fails: (level, i) => i % (level > 32 ? 3 : 10) === 0 },
    '64x0.4 32x2.1 16x7.6 8x11.1 4x18.5 64x0.9 128x0.9 256x8.6',
    256,
  ],
  [
    'a third fails beyond 32, and a thirtieth below',
    { rate: upTo(Infinity), items: 3000, fails: (level, i) => i % (level > 32 ? 3 : 30) === 0 },
    '64x0.4 32x92.9',
    32,
  ],
  [
    '4 items first, 5 at once',
    { rate: upTo(5), items: 1000, limit: new ConcurrencyLimit(4) },
    '4x2.0 8x0.9 6x12.2 9x0.8 3x5.7 5x51.2 8x0.9 3x5.7 5x118.2',
    5,
  ],
  [
    '2 items first, 4 at once',
    { rate: upTo(4), items: 1000, limit: new ConcurrencyLimit(2) },
    '2x4.0 4x2.0 8x0.9 4x18.3 6x1.2 4x34.3 6x1.2 4x66.3 6x1.2 4x116.3',
    4,
  ],
  [
    '32 known, 32 at once',
    { rate: upTo(32), items: 1000, limit: new ConcurrencyLimit(1000, 32) },
    '32x3.5 48x0.8 16x1.8 32x14.0 48x0.8 21x1.8 32x7.3',
    32,
  ],
  [
    '32 known, 16 soon',
    { rate: after(60, upTo(32), upTo(16)), items: 1000, limit: new ConcurrencyLimit(1000, 32) },
    '32x4.4 64x0.8 16x1.8 8x2.1 16x13.9 24x0.8 11x1.7 16x27.7',
    16,
  ],
  [
    '200 known, without an end',
    { rate: upTo(Infinity), items: 20_000, limit: new ConcurrencyLimit(1000, 200) },
    '200x3.5 256x56.9 171x1.7 256x16.8',
    256,
  ],
])('levels that are tried and kept: %s', (_, service, kept, found) => {
  expect(levels(service)).toEqual([kept, found])
})
