import { describe, it } from 'vitest'
import { expectTheSameBreaker } from '../property/breaker-twin-properties.js'
import { expectOneProbeAPlace, expectPlacesToComeBack, expectToSurviveDeaths } from '../stress/breaker-stress.js'
import { describeWithAddon } from '../support/native.js'

describeWithAddon('the addon, its twin, and both at work on one circuit breaker', () => {
  it('agree over tens of thousands of scripts', () => {
    expectTheSameBreaker(30_000)
  })

  it('give every place of a probe back when its thread is terminated', async () => {
    await expectPlacesToComeBack(60)
  })
})

describe('a circuit breaker', () => {
  it.each([1, 2, 5])('has %i probes at once, never more', async (places) => {
    await expectOneProbeAPlace(places, 1_000_000)
  })

  it('survives hundreds of threads that are terminated at random moments', async () => {
    await expectToSurviveDeaths(90)
  })
})
