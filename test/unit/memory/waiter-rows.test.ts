import { expect, it } from 'vitest'
import { buckets, createWaiters, openWaiters } from '../../../dist/memory/bucket/index.js'
import { BUCKET, WAITERS, WORDS_PER_CELL } from '../../../dist/memory/shared/layout.js'
import { HandClock } from '../../property/bucket-support.js'
import { wordsAt } from '../../support/words.js'

const parameters = { requestsPerSecond: 1, burstSize: 10 }

it('a queue for which there is no row tells nothing, hears the others, and gets the next that is free', () => {
  const clock = new HandClock()
  const { address } = buckets.create(parameters, clock)
  const rows = openWaiters(createWaiters(address))
  const open = () => {
    const bucket = buckets.open(address, parameters, clock).subject
    bucket.attachWaiters(rows)
    return bucket
  }
  const queues = Array.from({ length: WAITERS.processRows + 1 }, () => {
    const bucket = open()
    bucket.publish(bucket.survey(), bucket.arrive(1), 1, 5, 0, 0)
    return bucket
  })
  const last = queues.at(-1)!
  const before = rows.slice()
  last.publish(last.survey(), 0, 9, 5, 7, 7)
  last.beginLook()
  last.leave()
  expect(rows).toEqual(before)
  expect(last.others(0)).toEqual({ first: 0, waiting: WAITERS.processRows, isAnyLate: false, heldUnits: 0 })
  rows[WAITERS.firstRow + WORDS_PER_CELL + WAITERS.owner] = 0n
  last.publish(last.survey(), 5000, 9, 5, 7, 7)
  expect(open().others(0).waiting).toBe(WAITERS.processRows - 1 + 9)
})

it('a bucket without rows has no other queues, and nobody to tell', () => {
  const { address, subject: bucket } = buckets.create(parameters, new HandClock())
  const cells = wordsAt(address, BUCKET.cells)
  const before = cells.slice()
  expect(bucket.arrive(1)).toBe(-1)
  bucket.publish(bucket.survey(), 0, 9, 5, 7, 7)
  bucket.beginLook()
  bucket.leave()
  bucket.buryDead()
  expect(bucket.others(0)).toEqual({ first: Infinity, waiting: 0, isAnyLate: false, heldUnits: 0 })
  expect(cells).toEqual(before)
})
