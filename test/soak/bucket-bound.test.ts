import { describe, it } from 'vitest'
import { expectTheBound, expectTheBoundOfQueues } from '../property/bucket-bound-properties.js'
import { limitOfBucket } from '../property/bucket-support.js'
import { limitOfKey } from '../property/keyed-support.js'

describe.each([
  ['a bucket', limitOfBucket],
  ['the bucket of a key', limitOfKey],
] as const)('%s', (_, make) => {
  it('never admits more than burst + rate * window', () => {
    expectTheBound(make, 100_000)
    expectTheBoundOfQueues(make, 100_000)
  })
})
