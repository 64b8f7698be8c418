import { describe, it } from 'vitest'
import { addonForbidden } from '../support/native.js'
import { expectTheBound, expectTheBoundOfQueues } from './bucket-bound-properties.js'
import { createNativeTable, createTwinTable, limitOfKey } from './keyed-support.js'

describe.each([
  ['the addon', createNativeTable],
  ['the twin', createTwinTable],
] as const)('the bucket of a key: %s', (name, create) => {
  const test = it.skipIf(name === 'the addon' && addonForbidden)

  test('never admits more than burst + rate * window, whatever is asked and cancelled when', () => {
    expectTheBound(limitOfKey(create), 800)
  })

  test('never admits more than burst + rate * window, in whatever order those who wait give up', () => {
    expectTheBoundOfQueues(limitOfKey(create), 2000)
  })
})
