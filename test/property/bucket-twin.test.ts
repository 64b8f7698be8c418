import { expect, it } from 'vitest'
import { describeWithAddon } from '../support/native.js'
import { createNative, createTwin, freshCells, HandClock } from './bucket-support.js'
import { expectTheSame, expectTheSameAtAnyTime } from './bucket-twin-properties.js'

describeWithAddon('the addon, its twin, and both at work on one cell', () => {
  it('answer every operation alike and leave the same 40 words', () => {
    expectTheSame(1500)
  })

  it('agree at the ends of time', () => {
    expectTheSameAtAnyTime(1000)
  })

  it.each([createNative, createTwin])(
    'refuse what would wait for longer than a number of nanoseconds can tell',
    (create) => {
      let nowMs = 2.3e12
      const bucket = create(freshCells(), 123_456.789, 1e15, Object.assign(new HandClock(), { now: () => nowMs }))
      bucket.pause(1e15)
      nowMs = -1e300
      expect(bucket.reserve(5e14, 0)).toMatchObject({ outcome: 1, ticket: { waitMs: Infinity } })
      expect(bucket.reserve(5e14, 1e300)).toMatchObject({ outcome: 1, ticket: { waitMs: Infinity } })
      expect(bucket.available()).toBe(0)
    },
  )
})
