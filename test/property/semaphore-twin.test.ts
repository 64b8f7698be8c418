import { expect, it } from 'vitest'
import { cellsOf, PRIVATE_SHAPE, SHARED_SHAPE } from '../../dist/memory/semaphore/semaphore.js'
import { systemClock } from '../../dist/internal/time/clock.js'
import { semaphores } from '../../dist/memory/semaphore/index.js'
import { SEMAPHORE } from '../../dist/memory/shared/layout.js'
import { addonForbidden, describeWithAddon } from '../support/native.js'
import {
  expectBuried,
  expectPermitsConserved,
  expectTheSameFullQueue,
  expectTheSameLimit,
  expectTheSameLimitAtBounds,
  expectTheSameSemaphore,
} from './semaphore-twin-properties.js'

describeWithAddon('the addon, its twin, and both at work on one semaphore', () => {
  it('answer every operation alike and leave the same words', () => {
    expectTheSameSemaphore(1000)
    expectTheSameFullQueue()
  })

  it('move an adaptive limit alike', () => {
    expectTheSameLimit(40)
    expectTheSameLimitAtBounds()
  })
})

it('permits are neither lost nor made', () => {
  expectPermitsConserved(500, false)
  if (!addonForbidden) expectPermitsConserved(500, true)
})

it('what a thread held that has ended goes to who waits', () => {
  expectBuried(500)
})

it('has room for the shapes it is made in', () => {
  expect([cellsOf(SHARED_SHAPE, 0), cellsOf(SHARED_SHAPE, 2)]).toEqual([SEMAPHORE.cells, SEMAPHORE.cells + 1])
  expect(cellsOf(PRIVATE_SHAPE, 0)).toBe(3)
  const terms = { maxConcurrent: 2, maxQueue: 0, least: 0, shape: PRIVATE_SHAPE }
  const semaphore = semaphores.create(terms, systemClock).subject
  expect([semaphore.take(), semaphore.take(), semaphore.take()]).toEqual([undefined, undefined, false])
  expect([semaphore.founding, semaphore.held()]).toEqual([{ maxConcurrent: 2, maxQueue: 0, least: 0 }, 2])
})
