import { describe, expect, it } from 'vitest'
import { ChunkInWorker } from '../../../dist/execute/lanes/chunk-in-worker.js'

const chunk = (): ChunkInWorker =>
  new ChunkInWorker({ start: 10, items: ['a', 'b', 'c'], attempts: 0, isCareful: false }, 0)

describe('a chunk of which all results come at once', () => {
  it('has settled with them', () => {
    const held = chunk()
    expect(held.settleAll([10, 11, 12])).toBe(true)
    expect([held.left, held.unsettled()]).toEqual([0, []])
    expect(held.settle(11)).toBe(false)
  })

  it.each([
    ['results of another chunk', [13, 14, 15]],
    ['results out of order', [10, 12, 11]],
    ['too few', [10, 11]],
    ['too many', [10, 11, 12, 13]],
  ])('is not taken for settled by %s', (_, indices) => {
    const held = chunk()
    expect(held.settleAll(indices)).toBe(false)
    expect(held.unsettled().map(({ index }) => index)).toEqual([10, 11, 12])
  })

  it('is not settled twice', () => {
    const held = chunk()
    held.settle(11)
    expect(held.settleAll([10, 11, 12])).toBe(false)
    expect(held.left).toBe(2)
  })
})

describe('a chunk of which some was taken back', () => {
  it('has only the others', () => {
    const held = chunk()
    held.settle(10)
    expect(held.takeBack(2)).toEqual({ start: 12, items: ['c'], attempts: 0, isCareful: false })
    expect([held.batch.items, held.left, held.has(12)]).toEqual([['a', 'b'], 1, false])
    expect(held.unsettled()).toEqual([{ index: 11, item: 'b', attempts: 0 }])
  })

  it('has settled when those have', () => {
    const held = chunk()
    held.takeBack(2)
    expect(held.settleAll([10, 11])).toBe(true)
    expect([held.left, held.unsettled()]).toEqual([0, []])
  })

  it('may have none left', () => {
    const held = chunk()
    expect(held.takeBack(0)).toMatchObject({ start: 10, items: ['a', 'b', 'c'] })
    expect([held.left, held.unsettled(), held.has(10)]).toEqual([0, [], false])
  })
})
