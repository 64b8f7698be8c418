import { describe, expect, it } from 'vitest'
import { nativeAddon } from '../../../dist/internal/native.js'
import { NativeKeyedTable } from '../../../dist/memory/keyed/native.js'
import { type KeyedParameters, KeyedTerms, MAX_CAPACITY } from '../../../dist/memory/keyed/terms.js'
import { TwinKeyedTable } from '../../../dist/memory/keyed/twin.js'
import { KEYED } from '../../../dist/memory/shared/layout.js'
import { NativeWindowTable } from '../../../dist/memory/window/native.js'
import { WindowTerms } from '../../../dist/memory/window/terms.js'
import { TwinWindowTable } from '../../../dist/memory/window/twin.js'
import { HandClock } from '../../property/bucket-support.js'
import { freshTableWords } from '../../property/keyed-support.js'
import { addonForbidden } from '../../support/native.js'

const clock = new HandClock()
const seed = BigUint64Array.of(2n ** 64n - 1n, 1n)
const asked = { rate: 2, burst: 4, capacity: 100, evicts: true }

const keyed = {
  make: () => {
    const words = freshTableWords(asked.capacity)
    TwinKeyedTable.create(words, asked, seed, clock)
    return words
  },
  twin: (words: BigInt64Array) => TwinKeyedTable.open(words, clock).take('key'),
  addon: (words: BigInt64Array) => NativeKeyedTable.open(nativeAddon()!, words, clock).take('key'),
}
const windows = {
  make: () => {
    const words = freshTableWords(asked.capacity)
    TwinWindowTable.create(words, asked, seed, clock)
    return words
  },
  twin: (words: BigInt64Array) => void TwinWindowTable.open(words, clock).block('key', 1),
  addon: (words: BigInt64Array) => void NativeWindowTable.open(nativeAddon()!, words, clock).block('key', 1),
}

describe.each(['twin', 'addon'] as const)('a table whose header contradicts itself: %s', (which) => {
  const test = it.skipIf(which === 'addon' && addonForbidden)

  test.each([
    ['groups', 1n],
    ['slots', 1n],
    ['capacity', 99n],
    ['multiplier', 1n],
    ['scale', 1n],
    ['burstUnits', 1n],
    // Twice and half.
    ['rate', 1n << 52n],
    ['burst', 1n << 52n],
  ] as const)('of buckets is none (%s)', (word, change) => {
    for (const sign of [-1n, 1n]) {
      const words = keyed.make()
      words[KEYED[word]]! += sign * change
      expect(() => keyed[which](words)).toThrow(TypeError)
    }
    expect(keyed[which](keyed.make())).toBe(undefined)
  })

  test.each(['groups', 'slots', 'capacity'] as const)('of windows is none (%s)', (word) => {
    for (const change of [-100n, -99n, 100n, 1n << 40n]) {
      const words = windows.make()
      words[KEYED[word]]! += change
      expect(() => {
        windows[which](words)
      }).toThrow(TypeError)
    }
    windows[which](windows.make())
  })
})

describe('terms that a header holds', () => {
  const read = (change: Partial<KeyedParameters>): KeyedTerms | null => {
    const words = new BigInt64Array(KEYED.firstGroup)
    KeyedTerms.make(5n, { ...asked, ...change }, { low: 2n ** 64n - 1n, high: 1n }).write(words)
    return KeyedTerms.read(words)
  }

  it.each([
    {},
    { evicts: false },
    { rate: Number.MIN_VALUE },
    { rate: 1e15 },
    { burst: 1 },
    { burst: 1e15 },
    { capacity: 1 },
    { capacity: 31 },
    { capacity: 32 },
    { capacity: MAX_CAPACITY },
  ])('are read as they were written: %j', (change) => {
    expect(read(change)).toEqual(KeyedTerms.make(5n, { ...asked, ...change }, { low: 2n ** 64n - 1n, high: 1n }))
  })

  it.each([{ rate: 2e15 }, { burst: 0.5 }, { burst: 2e15 }, { capacity: 0 }, { capacity: MAX_CAPACITY + 1 }])(
    'are none of ours beyond what may be asked for: %j',
    (change) => {
      expect(read(change)).toBe(null)
    },
  )

  it.each([0, MAX_CAPACITY + 1])('of windows, too: capacity %i', (capacity) => {
    const words = new BigInt64Array(KEYED.firstGroup)
    const write = (many: number): void =>
      WindowTerms.make(5n, { capacity: many, evicts: false }, { low: 1n, high: 2n }).write(words)
    write(capacity)
    expect(WindowTerms.read(words)).toBe(null)
    for (const many of [1, MAX_CAPACITY]) {
      write(many)
      expect(WindowTerms.read(words)?.asked).toEqual({ capacity: many, evicts: false })
    }
  })
})

describe('a key that is none', () => {
  const none = [NaN, null, undefined, {}, Symbol('key'), true, 'x'.repeat(65_537), 2n ** 8192n, -(2n ** 8192n) - 1n]

  it('is refused by the twin', () => {
    const buckets = TwinKeyedTable.open(keyed.make(), clock)
    const counts = TwinWindowTable.open(windows.make(), clock)
    for (const key of none as never[]) {
      expect(buckets.take(key)).toBe(null)
      expect(() => buckets.tryAcquire(key, 1)).toThrow(TypeError)
      expect(() => counts.look(key)).toThrow(TypeError)
    }
    for (const key of ['x'.repeat(65_536), 2n ** 8192n - 1n, -(2n ** 8192n), Infinity, -0, ''])
      expect(buckets.take(key)).toBe(undefined)
  })
})
