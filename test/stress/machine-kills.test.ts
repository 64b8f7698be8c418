import { it } from 'vitest'
import { describeMachine } from '../support/machine.js'
import { killAtRandom } from './machine-kills.js'

describeMachine('processes that share a bucket of the machine', () => {
  it('leave it exact when 50 of them are killed at random points', () => killAtRandom(50), 120_000)
})
