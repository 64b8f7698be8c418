import { describe, it } from 'vitest'
import { itWithAddon } from '../support/native.js'
import { expectOneProbeAPlace, expectPlacesToComeBack, expectToSurviveDeaths } from './breaker-stress.js'

describe('one circuit breaker in four threads', () => {
  it.each([1, 2])('half-open has %i probes at once, never more', async (places) => {
    await expectOneProbeAPlace(places, 20_000)
  })

  it('works after threads were terminated at random moments', async () => {
    await expectToSurviveDeaths(6)
  })

  // Without the addon nobody hears of the end of a thread, and the place comes back when its lease ends.
  itWithAddon('gets the place of a probe back at once when its thread is terminated', async () => {
    await expectPlacesToComeBack(3)
  })
})
