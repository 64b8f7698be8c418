import { describe, expect, it } from 'vitest'
import { inFlightInWorker, shareOf, shareOfWaiting } from '../../../dist/execute/schedule/chunk-size.js'

describe('how much is taken at a time', () => {
  it.each<[string, number | null, number, number, number, number]>([
    ['as much as lasts the target time', 1e6, 2, 0.1, 4, 40],
    ['half of what is fair where that is less', 80, 2, 0.1, 4, 20],
    ['as much as lasts, where nobody knows how much there is', null, 8, 0.5, 4, 8],
    ['one item that lasts longer than the target', 1000, 2, 50, 4, 1],
    ['at least one', 0, 4, 1, 4, 1],
    ['not less than is worth the taking', 10, 4, 0.001, 0.5, 10],
    ['the target for items that take no time', 1e9, 1, 0, 1, 1e6],
  ])('%s', (_, remaining, lanes, itemMs, targetMs, expected) => {
    expect(shareOf(remaining, lanes, itemMs, targetMs)).toBe(expected)
  })

  it.each<[string, number | null, number, number, number]>([
    ['as many as may wait at once', 1e6, 2, 16, 16],
    ['half of what is fair where that is less', 50, 2, 16, 13],
    ['as many as may wait at once, where nobody knows how much there is', null, 2, 4, 4],
    ['one where there are no more', 0, 2, 16, 1],
    ['one at a time where none may wait beside another', 1e6, 2, 1, 1],
  ])('of items that wait is at least: %s', (_, remaining, lanes, inFlight, expected) => {
    expect(shareOfWaiting(remaining, lanes, inFlight)).toBe(expected)
  })

  it.each([
    ['four where it is not known how many keep a worker busy', undefined, 4],
    ['as many as keep it busy', 9, 9],
    ['two where one does', 1, 2],
    ['no more than sixteen', 100, 16],
  ])('begins %s', (_, overlap, expected) => {
    expect(inFlightInWorker(16, overlap)).toBe(expected)
    expect(inFlightInWorker(1, overlap)).toBe(1)
  })

  it('leaves something for each lane until the end', () => {
    for (let left = 1000; left > 0;) {
      const share = shareOf(left, 4, 1, 100)
      expect(share).toBeLessThanOrEqual(Math.ceil(left / 8))
      left -= share
    }
  })
})
