import { it } from 'vitest'
import { describeWithAddon } from '../support/native.js'
import {
  expectTheSameBreaker,
  expectTheSameOfDamage,
  expectTheSameProbes,
  expectTheSameSlots,
  expectTheSameWindow,
} from './breaker-twin-properties.js'

describeWithAddon('the addon, its twin, and both at work on one circuit breaker', () => {
  it('answer every operation alike and leave the same words', () => {
    expectTheSameBreaker(1500)
  })

  it('believe a slot that was written over alike', () => {
    expectTheSameOfDamage(2000)
  })

  it('use the same slots for updates, and know alike when there is none', () => {
    expectTheSameSlots(300)
  })

  it('open and close at what the same probe tells', () => {
    expectTheSameProbes(500)
  })

  it('open at the same one of many calls', () => {
    expectTheSameWindow(300)
  })
})
