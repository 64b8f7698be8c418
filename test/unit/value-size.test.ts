import { describe, expect, it } from 'vitest'
import { sizeOf } from '../../dist/execute/schedule/value-size.js'

class Own {}

describe('whether a thread would receive a value as it is', () => {
  it.each<[string, unknown, string | undefined]>([
    ['a plain object', { a: [1, 'b', null] }, undefined],
    ['a Map of Dates', new Map([['a', new Date()]]), undefined],
    ['a Blob, which Node clones', new Blob(['a']), undefined],
    ['a File, which would be a Blob', new File(['a'], 'b'), 'instance of File'],
    ['an instance of a class', { a: [new Own()] }, 'instance of Own'],
    ['a class of Maps', new (class Table extends Map {})(), 'instance of Table'],
    ['an error with a code', Object.assign(new Error('a'), { code: 1 }), 'properties (code)'],
    ['a function', { a: () => 1 }, 'a function cannot be sent'],
  ])('%s', (_, value, obstacle) => {
    const found = sizeOf(value).obstacle
    if (obstacle === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(obstacle)
  })
})

it('bytes are those of strings and of memory that is copied', () => {
  expect(sizeOf('abcd').bytes).toBe(4)
  expect(sizeOf(new ArrayBuffer(1000)).bytes).toBe(1000)
  expect(sizeOf(new Uint8Array(new SharedArrayBuffer(1000))).bytes).toBe(0)
  expect(sizeOf(new SharedArrayBuffer(1000)).bytes).toBeLessThan(100)
})
