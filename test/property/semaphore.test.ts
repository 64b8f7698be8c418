import { expect, it } from 'vitest'
import { systemClock } from '../../dist/internal/time/clock.js'
import { semaphores } from '../../dist/memory/semaphore/index.js'
import { cellsOf, SHARED_SHAPE } from '../../dist/memory/semaphore/semaphore.js'
import { SEMAPHORE } from '../../dist/memory/shared/layout.js'
import { expectAllOfAFullQueueServed, expectPermitsConserved } from './semaphore-properties.js'

const SMALL_SHAPE = { rows: 1, places: 8 }

it('permits are neither lost nor made', () => {
  expectPermitsConserved(1000)
})

it('whoever waits in a queue without a place left is let in sooner or later', () => {
  expectAllOfAFullQueueServed()
})

it('has room for the shapes it is made in', () => {
  expect([cellsOf(SHARED_SHAPE, 0), cellsOf(SHARED_SHAPE, 2)]).toEqual([SEMAPHORE.cells, SEMAPHORE.cells + 1])
  expect(cellsOf(SMALL_SHAPE, 0)).toBe(3)
  const terms = { maxConcurrent: 2, maxQueue: 0, least: 0, shape: SMALL_SHAPE }
  const semaphore = semaphores.create(terms, systemClock).subject
  expect([semaphore.take(), semaphore.take(), semaphore.take()]).toEqual([undefined, undefined, false])
  expect([semaphore.founding, semaphore.held()]).toEqual([{ maxConcurrent: 2, maxQueue: 0, least: 0 }, 2])
})

it('a semaphore in use by as many threads as it has rows says so to the next', () => {
  const terms = { maxConcurrent: 2, maxQueue: 0, least: 0, shape: SHARED_SHAPE }
  const { address, subject } = semaphores.create(terms, systemClock)
  const more = Array.from({ length: SEMAPHORE.rows - 1 }, () => semaphores.open(address, terms, systemClock).subject)
  expect(more.map((each) => each.take()).filter((taken) => taken === undefined)).toHaveLength(2)
  expect(() => semaphores.open(address, terms, systemClock)).toThrow(
    expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'full' }),
  )
  expect(subject.inUse()).toBe(2)
})
