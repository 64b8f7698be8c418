import { describe, expect, it } from 'vitest'
import { keyedTables } from '../../../dist/memory/keyed/index.js'
import { KEYED } from '../../../dist/memory/shared/layout.js'
import { windowTables } from '../../../dist/memory/window/index.js'
import { HandClock } from '../../property/bucket-support.js'
import { wordsAt } from '../../support/words.js'

const clock = new HandClock()
const ofKeys = { rate: 2, burst: 4, capacity: 100, evicts: true }
const ofWindows = { capacity: 100, evicts: true }

describe('a table whose header contradicts itself', () => {
  it.each([
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
      const { address } = keyedTables.create(ofKeys, clock)
      const open = () => keyedTables.open(address, ofKeys, clock).subject
      expect(open().take('key')).toBe(undefined)
      wordsAt(address)[KEYED[word]]! += sign * change
      expect(open).toThrow(TypeError)
    }
  })

  it.each(['groups', 'slots', 'capacity'] as const)('of windows is none (%s)', (word) => {
    for (const change of [-100n, -99n, 100n, 1n << 40n]) {
      const { address } = windowTables.create(ofWindows, clock)
      const open = () => windowTables.open(address, ofWindows, clock).subject
      open().block('key', 1)
      wordsAt(address)[KEYED[word]]! += change
      expect(open).toThrow(TypeError)
    }
  })
})

it('a key that is none is refused', () => {
  const buckets = keyedTables.create(ofKeys, clock).subject
  const counts = windowTables.create(ofWindows, clock).subject
  const none = [NaN, null, undefined, {}, Symbol('key'), true, 'x'.repeat(65_537), 2n ** 8192n, -(2n ** 8192n)]
  for (const key of none as never[]) {
    expect(buckets.take(key)).toBe(null)
    expect(() => buckets.tryAcquire(key, 1)).toThrow(TypeError)
    expect(() => counts.look(key)).toThrow(TypeError)
  }
  for (const key of ['x'.repeat(65_536), 2n ** 8192n - 1n, 1n - 2n ** 8192n, Infinity, -0, ''])
    expect(buckets.take(key)).toBe(undefined)
})
