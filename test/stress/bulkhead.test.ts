import { describe, it } from 'vitest'
import { itWithAddon } from '../support/native.js'
import { expectNeverMoreThanMay, expectSlotsConserved } from './bulkhead-properties.js'

describe('one bulkhead in several threads', () => {
  itWithAddon('by name never runs more at once than it may, and forgets nobody', () =>
    expectNeverMoreThanMay(500, 3, true),
  )

  it('by handle never runs more at once than it may, and forgets nobody', () => expectNeverMoreThanMay(200, 3, false))

  itWithAddon('has all its slots after threads were terminated at random moments', () => expectSlotsConserved(4, 3))

  it('never runs more at once than the largest limit in force, while all change it', () =>
    expectNeverMoreThanMay(200, 3, false, 4))

  itWithAddon('has all its slots after threads were terminated that changed the limit', () =>
    expectSlotsConserved(4, 3, 4),
  )
})
