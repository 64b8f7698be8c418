import { it } from 'vitest'
import { expectNothingLeftOf, expectTheSameOfEach, expectTheSameOfEachKey } from '../stress/many-names.js'
import { describeMachine } from '../support/machine.js'

describeMachine('names of the machine', () => {
  it('that were made and disposed leave nothing behind', () => expectNothingLeftOf(6000))

  it('in use take a mapping, a row and the same bytes each, and one timer for all', () => expectTheSameOfEach(1000))
})

it('keys that are waited for take the same each, and one timer for all', () => expectTheSameOfEachKey(20_000))
