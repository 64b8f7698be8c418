import { it } from 'vitest'
import { killAtRandom } from '../stress/machine-kills.js'
import { expectRulesToOutliveKills, expectSlotsToOutliveKills } from '../stress/policy-kills.js'
import { describeMachine } from '../support/machine.js'

describeMachine('processes that share a bucket of the machine', () => {
  it('leave it exact when 1,000 of them are killed at random points', () => killAtRandom(1000))
})

describeMachine('processes that change, all the time, what they share on the machine', () => {
  it('leave a bulkhead whole when 300 of them are killed at random points', () => expectSlotsToOutliveKills(300))

  it('leave a circuit breaker whole when 300 of them are killed at random points', () => expectRulesToOutliveKills(300))
})
