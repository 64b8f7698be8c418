import { expect, it } from 'vitest'
import { ConcurrencyLimit } from '../../../dist/execute/lanes/concurrency-limit.js'
import { RateWindow } from '../../../dist/execute/lanes/rate-window.js'

interface Service {
  /** Items per millisecond while so many are in flight. */
  readonly rate: (inFlight: number, index: number) => number
  readonly items: number
  readonly fails?: (inFlight: number, index: number) => boolean
  /** Of the mean time in flight, by turns. */
  readonly spread?: readonly number[]
  /** How many items the run has, and what an earlier one has found. */
  readonly first?: ConstructorParameters<typeof ConcurrencyLimit>
}

/**
 * The levels that were kept, each with how many times as many items have settled at it. Items settle evenly, and as many are in flight as may
 * be, so that nothing is chance.
 */
function levels({ rate, items, fails = () => false, spread = [1], first = [] }: Service): [string, number | undefined] {
  const kept: { level: number; items: number }[] = []
  const limit = new ConcurrencyLimit(...first)
  let nowMs = 0
  let inFlight = 0
  for (let index = 0; index < items; index++) {
    // Nothing is cancelled: fewer are reached as they settle.
    inFlight = Math.max(limit.limit, inFlight - 1)
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

it.each<[string, Service, string, number | undefined]>([
  ['too few items to find any', { rate: upTo(32), items: 150 }, '64x0.9 128x0.2', undefined],
  ['the most is tried', { rate: upTo(Infinity), items: 600 }, '64x0.9 128x0.9 256x0.9', 256],
  ['ends while the most is tried', { rate: upTo(Infinity), items: 500 }, '64x0.9 128x0.9 256x0.6', 256],
  ['fewer than the most are tried', { rate: upTo(Infinity), items: 15_100 }, '64x0.9 128x0.9 256x56.9 171x0.6', 256],
  [
    'all fail beyond 16 after a while',
    { rate: upTo(32), items: 1200, fails: (level, i) => i >= 600 && level > 16 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x5.2 16x36.1',
    16,
  ],
  [
    'all fail, 4 items first',
    { rate: upTo(4), items: 600, fails: every(1), first: [4] },
    '4x4.3 8x0.9 4x18.0 6x1.2 4x34.0 6x1.2 4x66.0 6x1.2 4x15.8',
    4,
  ],
  ['a service without an end', { rate: upTo(Infinity), items: 16_000 }, '64x0.9 128x0.9 256x56.9 171x1.7 256x2.4', 256],
  [
    '32 at once',
    { rate: upTo(32), items: 8000 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x14.0 48x0.8 21x1.8 32x56.0 48x0.8 21x1.8 32x112.0 48x0.8 21x1.8 32x42.0',
    32,
  ],
  [
    '100 at once',
    { rate: upTo(100), items: 6000 },
    '64x0.9 128x0.9 110x7.9 165x0.9 55x1.8 110x27.9 165x0.9 73x1.7 110x8.2',
    110,
  ],
  [
    '8 at once',
    { rate: upTo(8), items: 1200 },
    '64x0.9 128x0.9 32x1.7 16x1.7 8x1.9 4x4.0 8x16.0 12x0.7 5x3.2 8x64.0 12x0.7 5x3.2 8x1.6',
    8,
  ],
  [
    '2 at once',
    { rate: upTo(2), items: 800 },
    '64x0.9 128x0.9 32x1.7 16x1.7 8x1.9 4x20.3 6x1.2 4x34.0 6x1.2 4x27.5',
    4,
  ],
  [
    'slower beyond 64',
    { rate: (level) => (level > 64 ? 20 : level) / 20, items: 4000 },
    '64x0.9 128x0.9 64x1.7 32x1.8 64x14.0 96x0.9 64x1.7 43x1.7 64x34.5',
    64,
  ],
  [
    'slower when the level is tried',
    { rate: after(200, upTo(Infinity), upTo(20)), items: 2000 },
    '64x0.9 128x0.9 64x2.6 128x0.9 32x1.7 16x1.8 22x13.8 33x0.8 15x1.8 22x35.0',
    22,
  ],
  [
    'slower for one window',
    { rate: (level, i) => upTo(32)(level, i) * (i >= 1030 && i < 1040 ? 0.1 : 1), items: 1500 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x14.0 48x0.8 21x1.8 32x15.0',
    32,
  ],
  [
    'slower for two windows',
    { rate: (level, i) => upTo(32)(level, i) * (i >= 1030 && i < 1070 ? 0.3 : 1), items: 1500 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x14.0 48x0.8 21x1.8 32x1.7 64x0.9 128x0.9 32x1.7',
    32,
  ],
  [
    'slower after a while',
    { rate: after(500, upTo(32), upTo(16)), items: 1600 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x3.5 64x0.9 128x0.9 32x1.7 16x1.7 8x2.0 16x13.9 24x0.8 11x1.7 16x17.1',
    16,
  ],
  [
    'faster after a while',
    { rate: after(500, upTo(32), upTo(128)), items: 7000 },
    '64x0.9 128x0.9 32x1.7 16x1.8 32x14.0 48x0.9 96x0.9 192x0.9 64x1.8 96x14.0 144x0.9 256x0.9 96x1.8 141x14.0 212x0.9 94x1.8 141x4.4',
    141,
  ],
  [
    'half as much from 64 on',
    { rate: (level) => (level + Math.min(level, 64)) / 40, items: 6000 },
    '64x0.9 128x0.9 106x7.8 159x0.9 53x1.8 106x27.8 159x0.9 256x4.9',
    256,
  ],
  [
    'less than half as much from 64 on',
    { rate: (level) => (level + Math.min(level, 64) * 1.5) / 40, items: 4000 },
    '64x0.9 128x0.9 32x1.8 64x14.0 96x0.9 43x1.7 64x37.9',
    64,
  ],
  [
    'items apart, 32 at once',
    { rate: upTo(32), items: 2000, spread: apart },
    '64x0.9 128x1.7 32x1.7 16x1.8 32x14.0 48x1.7 21x1.8 32x25.8',
    32,
  ],
  [
    'items apart, 20 at once',
    { rate: upTo(20), items: 2000, spread: apart },
    '64x0.9 128x1.7 32x1.7 16x2.6 22x13.8 33x1.7 15x1.8 22x46.5',
    22,
  ],
  [
    'instant at first',
    { rate: (level, i) => level / (i < 1000 ? 0.9 : 10), items: 3000 },
    '64x15.8 128x0.9 64x2.6 128x0.9 256x5.0',
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
    '64x0.1 32x0.5 16x116.1 17x0.4 16x116.1 17x0.4 16x12.1',
    16,
  ],
  [
    'all fail',
    { rate: upTo(64), items: 3000, fails: every(1) },
    '64x0.1 32x0.5 16x0.8 8x1.3 4x2.3 64x0.9 128x0.9 32x1.8 64x14.0 96x0.9 43x1.7 64x19.6',
    64,
  ],
  [
    'a third fails',
    { rate: upTo(Infinity), items: 3000, fails: every(3) },
    '64x0.4 32x1.2 16x2.0 8x3.9 4x7.5 64x0.9 128x0.9 256x9.2',
    256,
  ],
  [
    'a third fails beyond 32, and a tenth below',
    { rate: upTo(Infinity), items: 3000, fails: (level, i) => i % (level > 32 ? 3 : 10) === 0 },
    '64x0.4 32x2.0 16x4.0 8x8.0 4x16.0 64x0.9 128x0.9 256x8.7',
    256,
  ],
  [
    'a third fails beyond 32, and a thirtieth below',
    { rate: upTo(Infinity), items: 3000, fails: (level, i) => i % (level > 32 ? 3 : 30) === 0 },
    '64x0.4 32x91.9',
    32,
  ],
  [
    '4 items first, 5 at once',
    { rate: upTo(5), items: 1000, first: [4] },
    '4x2.0 8x0.9 6x12.0 9x0.8 3x5.3 5x51.2 8x0.9 3x5.3 5x116.8',
    5,
  ],
  [
    '2 items first, 4 at once',
    { rate: upTo(4), items: 1000, first: [2] },
    '2x4.0 4x2.0 8x0.9 4x18.0 6x1.2 4x34.0 6x1.2 4x66.0 6x1.2 4x115.5',
    4,
  ],
  [
    '32 known, 32 at once',
    { rate: upTo(32), items: 1000, first: [1000, 32] },
    '32x3.5 48x0.8 16x1.8 32x14.0 48x0.8 21x1.8 32x5.6',
    32,
  ],
  [
    '32 known, 16 soon',
    { rate: after(60, upTo(32), upTo(16)), items: 1000, first: [1000, 32] },
    '32x4.4 64x0.8 16x1.7 8x2.0 16x13.9 24x0.8 11x1.7 16x23.7',
    16,
  ],
  [
    '200 known, without an end',
    { rate: upTo(Infinity), items: 20_000, first: [1000, 200] },
    '200x3.5 256x56.9 171x1.7 256x16.5',
    256,
  ],
  [
    'the most known, without an end',
    { rate: upTo(Infinity), items: 20_000, first: [1000, 256] },
    '256x56.0 171x1.7 256x20.3',
    256,
  ],
])('levels that are tried and kept: %s', (_, service, kept, found) => {
  expect(levels(service)).toEqual([kept, found])
})

it('a window lasts for an eighth of the time of an item, at least: those that were begun together end together', () => {
  const window = new RateWindow(100, 8, 8)
  for (let index = 0; index < 8; index++) window.add(index, 40, 8, true)
  expect([window.isComplete(104.9, 8, 8), window.isComplete(105, 8, 8)]).toEqual([false, true])
})

it('a window waits for most of what was under way when it opened, since short items settle first', () => {
  const window = new RateWindow(0, 8, 8)
  for (let index = 8; index < 16; index++) window.add(index, 1, 8, true)
  for (let index = 0; index < 6; index++) window.add(index, 10, 8, true)
  expect(window.isComplete(20, 8, 8)).toBe(false)
  window.add(6, 10, 8, true)
  expect(window.isComplete(20, 8, 8)).toBe(true)
})

it('a window does not wait for items that hang once many others have settled', () => {
  const window = new RateWindow(0, 8, 8)
  let settled = 0
  for (; !window.isComplete(1000, 8, 8) && settled < 1000; settled++) window.add(8 + settled, 1, 8, true)
  expect(settled).toBe(4 * 8 + 24)
})

it.each([
  [6, true],
  [5, false],
])('of a level of 8, %d in flight are enough to judge it: %s', (inFlight, expected) => {
  const window = new RateWindow(0, 8, 8)
  for (let index = 0; index < 4; index++) window.add(index, 10, inFlight, true)
  expect(window.wasFull(8)).toBe(expected)
})

it.each([
  [3.2, true],
  [3.1, false],
])('items of 10 ms, give or take %d, differ so much that one window may be chance: %s', (off, expected) => {
  const window = new RateWindow(0, 8, 8)
  for (const ms of [10 - off, 10 + off]) window.add(0, ms, 8, true)
  expect(window.isSpread).toBe(expected)
})
