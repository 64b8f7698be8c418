import { describe, it } from 'vitest'
import { expectOneProbeAPlace, expectPlacesToComeBack, expectToSurviveDeaths } from '../stress/breaker-stress.js'
import { itWithAddon } from '../support/native.js'

describe('a circuit breaker', () => {
  it.each([1, 2, 5])('has %i probes at once, never more', async (places) => {
    await expectOneProbeAPlace(places, 1_000_000)
  })

  it('survives hundreds of threads that are terminated at random moments', async () => {
    await expectToSurviveDeaths(90)
  })

  itWithAddon('has every place of a probe back when its thread is terminated', async () => {
    await expectPlacesToComeBack(60)
  })
})
