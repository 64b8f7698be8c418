import { it } from 'vitest'
import { describeWithAddon } from '../support/native.js'
import { expectTheSame, expectTheSameAtAnyTime } from './bucket-twin-properties.js'

describeWithAddon('the addon, its twin, and both at work on one cell', () => {
  it('answer every operation alike and leave the same 40 words', () => {
    expectTheSame(1500)
  })

  it('agree at the ends of time', () => {
    expectTheSameAtAnyTime(1000)
  })
})
