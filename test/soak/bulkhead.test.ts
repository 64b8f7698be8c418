import { describe, it } from 'vitest'
import { expectPermitsConserved, expectTheSameSemaphore } from '../property/semaphore-twin-properties.js'
import { expectNeverMoreThanMay, expectSlotsConserved } from '../stress/bulkhead-properties.js'
import { describeWithAddon } from '../support/native.js'

describeWithAddon('a semaphore and its twin', () => {
  it('agree over tens of thousands of scripts', () => {
    expectTheSameSemaphore(20_000)
    expectPermitsConserved(20_000, true)
  })
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
