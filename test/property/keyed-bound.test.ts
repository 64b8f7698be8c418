import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyedCells } from '../../dist/memory/keyed/table.js'
import { allocateCells, coreOf } from '../../dist/memory/shared/region.js'
import { expectTheBound, expectTheBoundOfQueues } from './bucket-bound-properties.js'
import { limitOfKey } from './keyed-support.js'

describe('the bucket of a key', () => {
  it('never admits more than burst + rate * window, whatever is asked and cancelled when', () => {
    expectTheBound(limitOfKey, 800)
  })

  it('never admits more than burst + rate * window, in whatever order those who wait give up', () => {
    expectTheBoundOfQueues(limitOfKey, 2000)
  })
})

it('a table of any capacity has as many cells as its core wants', () => {
  const core = coreOf(allocateCells(1).buffer)
  const capacities = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100_000_000 }))
  fc.assert(
    fc.property(capacities, (capacity) => {
      expect(core.keyedCells(capacity)).toBe(keyedCells(capacity))
    }),
    { numRuns: 2000 },
  )
})
