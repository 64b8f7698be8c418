import { describe, it } from 'vitest'
import { expectTheBound, expectTheBoundOfQueues } from '../property/bucket-bound-properties.js'
import { createNative, createTwin, limitOfBucket } from '../property/bucket-support.js'
import { createNativeTable, createTwinTable, limitOfKey } from '../property/keyed-support.js'
import { addonForbidden } from '../support/native.js'

const NEEDS_ADDON = /addon/

describe.each([
  ['a bucket of the addon', limitOfBucket(createNative)],
  ['a bucket of the twin', limitOfBucket(createTwin)],
  ['the bucket of a key, of the addon', limitOfKey(createNativeTable)],
  ['the bucket of a key, of the twin', limitOfKey(createTwinTable)],
] as const)('%s', (name, make) => {
  it.skipIf(NEEDS_ADDON.test(name) && addonForbidden)('never admits more than burst + rate * window', () => {
    expectTheBound(make, 100_000)
    expectTheBoundOfQueues(make, 100_000)
  })
})
