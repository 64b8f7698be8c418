import { describe, expect, it } from 'vitest'
import { sizeOf } from '../../../dist/execute/schedule/value-size.js'

class Own {}

describe('whether a thread would receive a value as it is', () => {
  it.each<[string, unknown, string | undefined]>([
    ['a plain object', { a: [1, 'b', null] }, undefined],
    ['a Map of Dates', new Map([['a', new Date()]]), undefined],
    ['a Blob, which Node clones', new Blob(['a']), undefined],
    // From Node 26 on its clone is a File.
    [
      'a File, which would be a Blob',
      new File(['a'], 'b'),
      structuredClone(new File([], 'b')) instanceof File ? undefined : 'instance of File',
    ],
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

describe('what a value weighs', () => {
  const weightOf = (value: unknown): number[] => {
    const { nodes, bytes } = sizeOf(value)
    return [nodes, bytes]
  }
  const throwing = {
    get broken(): unknown {
      throw new Error('no')
    },
  }
  const cyclic: { text: string; self?: unknown } = { text: 'abc' }
  cyclic.self = cyclic
  const once = { text: 'abc' }

  it.each<[string, unknown, number[]]>([
    ['a number, which goes with others in one typed array', 1, [0, 8]],
    ['a bigint', 1n, [1, 8]],
    ['nothing', undefined, [1, 0]],
    ['null', null, [1, 0]],
    ['a boolean', true, [1, 0]],
    ['a text', 'abc', [1, 3]],
    ['an object with its keys', { a: 1, bc: 'abc' }, [3, 14]],
    ['a Date', new Date(0), [1, 64]],
    ['the part of a buffer that is its own', new Float64Array(new ArrayBuffer(800), 0, 10), [1, 80]],
    ['a Map with its pairs', new Map([['abc', 1]]), [4, 64 + 3 + 8]],
    ['a Set', new Set(['abc', 'de']), [3, 64 + 5]],
    ['an array', ['abc', 1, []], [4, 11]],
    ['an object in itself', cyclic, [3, 4 + 3 + 4]],
    ['an object that comes twice, once', [once, once], [4, 7]],
  ])('%s', (_, value, expected) => {
    expect(weightOf(value)).toEqual(expected)
  })

  it('is estimated of long arrays from their beginning, and of other things no further than 500 nodes', () => {
    expect(weightOf(Array(500).fill(1))).toEqual([501, 4000])
    expect(weightOf(Array(1000).fill(1))).toEqual([1001, 8000])
    expect(weightOf({ list: Array(998).fill(1) })).toEqual([1000, 4 + 7984])
    expect(weightOf([Array(998).fill(1), 1])).toEqual([1999, 2 * 7984])
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [String(1000 + n), n]))
    expect(weightOf(keys(600))).toEqual([501, 500 * 12])
    // The array is one node too many to look into.
    expect(weightOf({ ...keys(499), last: [1, 2] })).toEqual([501, 499 * 12 + 4])
    expect(sizeOf(new Map(Array.from({ length: 1000 }, (_, n) => [n, n]))).nodes).toBe(502)
    expect(sizeOf(new Set(Array(1000).keys())).nodes).toBe(501)
  })

  it('is known no further than it can be read, and that is an obstacle', () => {
    expect(sizeOf({ text: 'abc', throwing })).toEqual({
      nodes: 3,
      bytes: 4 + 3 + 8 + 6,
      obstacle: 'what cannot be read cannot be sent to a thread',
    })
    expect(sizeOf([Symbol('s'), throwing, () => 1]).obstacle).toBe('a symbol cannot be sent to a thread')
    expect(sizeOf([() => 1, Symbol('s')]).obstacle).toBe('a function cannot be sent to a thread')
    expect(sizeOf([() => 1, new Own(), new (class List extends Array {})()]).obstacle).toContain('a function')
    expect(sizeOf(new (class List extends Array {})()).obstacle).toContain('List')
  })
})
