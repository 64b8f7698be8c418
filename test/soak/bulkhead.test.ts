import { describe, it } from 'vitest'
import { expectPermitsConserved } from '../property/semaphore-properties.js'
import { expectNeverMoreThanMay, expectSlotsConserved } from '../stress/bulkhead-properties.js'

it('permits are neither lost nor made, over tens of thousands of scripts', () => {
  expectPermitsConserved(20_000)
})

describe('a bulkhead', () => {
  it('has all its slots after hundreds of threads were terminated at random moments', () => expectSlotsConserved(60, 4))

  it('never runs more at once than it may, over 4 threads and many calls', () =>
    expectNeverMoreThanMay(10_000, 4, true))

  it('does neither while its threads change the limit', async () => {
    await expectNeverMoreThanMay(10_000, 4, true, 5)
    await expectSlotsConserved(30, 4, 5)
  })
})
