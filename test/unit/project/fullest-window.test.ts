import { describe, expect, it } from 'vitest'
import { mostOverRate } from '../../support/fullest-window.js'

const taken = (tokens: number, from: number, to = from) => ({ tokens, from, to })
const givenBack = (tokens: number, from: number, to = from) => ({ tokens: -tokens, from: to, to: from })

describe('the fullest window', () => {
  it('is the one that exceeds the rate by most', () => {
    expect(mostOverRate([taken(3, 0), taken(1, 10), taken(2, 11), taken(2, 12)], 1)).toBe(3)
    expect(mostOverRate([taken(1, 0), taken(3, 10), taken(2, 11), taken(2, 12)], 1)).toBe(5)
  })

  it('has only what was certainly taken in it', () => {
    expect(mostOverRate([taken(3, 0), taken(3, 1, 2)], 1)).toBe(4)
    expect(mostOverRate([taken(3, 0, 9), taken(4, 5)], 1)).toBe(4)
  })

  it('has what may have been given back in it', () => {
    expect(mostOverRate([taken(3, 0), givenBack(2, 1, 5), taken(3, 2)], 1)).toBe(3)
    expect(mostOverRate([taken(3, 0), taken(3, 2), givenBack(2, 3)], 1)).toBe(4)
  })

  it('has what was given back at the very moment it ends', () => {
    expect(mostOverRate([taken(3, 0), taken(4, 2), givenBack(2, 2)], 1)).toBe(3)
  })
})
