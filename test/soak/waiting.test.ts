import { it } from 'vitest'
import { wreakHavoc } from '../stress/waiting-havoc.js'
import { describeMachine } from '../support/machine.js'

describeMachine('callers of processes and threads that are stopped, killed, terminated and blocked', () => {
  for (let hundred = 1; hundred <= 10; hundred++)
    it(`are served within the bound: rounds to ${100 * hundred}`, () => wreakHavoc(100))
})
