// Whose turn it is among threads that wait: what those of a simulated machine show only as a share of the rate.
import { describe, expect, it } from 'vitest'
import { HORIZON_MS, overtakesMs, roomMs } from '../../../dist/rate-limit/waiting/turn.js'

describe('how far ahead of now tokens may be reserved', () => {
  it('is the horizon for who came first, by whatever', () => {
    for (const behind of [0, -0.001, -50, -Infinity]) expect(roomMs(behind, 1000, 1000)).toBe(HORIZON_MS)
  })

  it('is less by as long as those need who came before', () => {
    expect(roomMs(1, 1000, 1000)).toBe(HORIZON_MS - 1)
    expect(roomMs(20, 1000, 1000)).toBe(HORIZON_MS - 20)
    expect(roomMs(1, 100, 1000)).toBe(HORIZON_MS - 10)
  })

  it('lets others go before for 50 ms at most, and for half of what tokens stay good', () => {
    expect(roomMs(1000, 1000, 1000)).toBe(-50)
    expect(roomMs(1000, 1000, 20)).toBe(-10)
  })
})

describe('how long it takes until a caller may reserve behind others', () => {
  it('is what they need, less the horizon', () => {
    expect(overtakesMs(10, 100)).toBe(100 - HORIZON_MS)
    expect(overtakesMs(10, 1000)).toBe(10 - HORIZON_MS)
  })
})
