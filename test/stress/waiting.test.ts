import { it } from 'vitest'
import { describeMachine } from '../support/machine.js'
import { wreakHavoc } from './waiting-havoc.js'

describeMachine('callers of processes and threads that are stopped, killed, terminated and blocked', () => {
  it('are served within the bound, 20 rounds', () => wreakHavoc(20), 120_000)
})
