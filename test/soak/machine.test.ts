import { it } from 'vitest'
import { killAtRandom } from '../stress/machine-kills.js'
import { describeMachine } from '../support/machine.js'

describeMachine('processes that share a bucket of the machine', () => {
  it('leave it exact when 1,000 of them are killed at random points', () => killAtRandom(1000))
})
