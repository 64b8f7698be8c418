import { File } from 'node:buffer'
import { inspect, isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { packValues, restore, type Unfit } from '../../dist/execute/transfer/values.js'

function unfitOf(values: readonly unknown[]): Unfit[] {
  const unfit: Unfit[] = []
  packValues(values, unfit)
  return unfit
}

/** What another thread has of them. */
function sent(values: readonly unknown[]): unknown[] {
  const { values: arrived, buffers } = structuredClone(packValues(values))
  restore(buffers)
  return arrived as unknown[]
}

const bytes = fc.uint8Array({ maxLength: 20 })
const leaf = fc.oneof(
  fc.double(),
  fc.bigInt(),
  fc.string(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, /a.b/gi),
  fc.date({ noInvalidDate: true }),
  // Of Node's pool, and with memory of its own.
  bytes.map((one) => Buffer.from(one)),
  bytes.map((one) => Buffer.concat([Buffer.alloc(5000), one]).subarray(5000)),
  bytes.map((one) => Buffer.from(one.buffer)),
  bytes,
  bytes.map((one) => Float32Array.from({ length: 1000 }, () => one.length).subarray(10, 20)),
  bytes.map((one) => new DataView(one.buffer)),
)
const plainKey = fc.constantFrom('a', 'b', 'length_', '0', '12', 'toString')
const { value } = fc.letrec<{ value: unknown; contained: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(plainKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc
      .tuple(
        fc.sparseArray(tie('value'), { maxNumElements: 3, maxLength: 5 }),
        fc.dictionary(fc.constantFrom('of', 'x1'), tie('value')),
      )
      .map(([elements, properties]) => Object.assign(elements, properties)),
    fc.array(tie('contained'), { maxLength: 3 }).map((all) => new Set(all)),
    fc.array(fc.tuple(fc.string(), tie('contained')), { maxLength: 3 }).map((all) => new Map(all)),
    fc.tuple(fc.string(), tie('contained')).map(([message, cause]) => new Error(message, { cause })),
  ),
  // Buffers cannot be made again in there.
  contained: fc.oneof(
    fc.double(),
    fc.string(),
    fc.array(fc.record({ n: fc.integer() }, { noNullPrototype: true }), { maxLength: 2 }),
  ),
}))

class Money {
  constructor(readonly cents: number) {}
}
class Vector extends Float64Array {}
class Picture extends Blob {}
const odd: [string, () => unknown, RegExp][] = [
  ['an instance of a class', () => new Money(5), /^an instance of Money, which/],
  ['an instance of a class without a name', () => new (class {})(), /^an instance of a class, which/],
  ['a class of typed arrays', () => Vector.of(1), /^an instance of Vector, which/],
  ['a part of such a class', () => new Vector(100).subarray(1, 2), /^an instance of Vector, which/],
  ['a symbol as key', () => ({ [Symbol('s')]: 1 }), /^properties whose keys are symbols/],
  ['a symbol as key of an array', () => Object.assign([1], { [Symbol('s')]: 1 }), /^properties whose keys are symbols/],
  [
    'an error with a property',
    () => Object.assign(new TypeError('x'), { code: 1 }),
    /^an error with properties \(code\)/,
  ],
  ['a cause with a property', () => new Error('x', { cause: Object.assign(new Error(), { code: 1 }) }), /\(code\)/],
  ['an error of a class', () => new AggregateError([]), /^an instance of AggregateError/],
  [
    'a Map with a property',
    () => Object.assign(new Map(), { extra: 1 }),
    /^an instance of Map with properties \(extra\)/,
  ],
  ['a String with a property', () => Object.assign(new String('ab'), { extra: 1 }), /String with properties \(extra\)/],
  ['a RegExp at work', () => Object.assign(/a/g, { lastIndex: 1 }), /RegExp with properties \(lastIndex\)/],
  ['a class as a key of a Map', () => new Map([[new Money(1), 2]]), /^an instance of Money/],
  ['a class in a Map', () => new Map([[1, [new Money(1)]]]), /^an instance of Money/],
  ['a class in a Set', () => new Set([new Money(1)]), /^an instance of Money/],
  ['a Buffer in a Set', () => new Set([Buffer.from('a')]), /^a Buffer in a Map, a Set or an error/],
  ['a Buffer deep in a Map', () => new Map([[1, { a: [Buffer.from('a')] }]]), /^a Buffer in a Map, a Set or an error/],
  ['a Buffer as a cause', () => new Error('x', { cause: Buffer.from('a') }), /^a Buffer in a Map, a Set or an error/],
  [
    'a class in a property of an array with as many holes',
    () => Object.assign([1, 2], { length: 3, of: new Money(1) }),
    /^an instance of Money/,
  ],
  ['a class in a property of an array', () => Object.assign([1, 2], { of: new Money(1) }), /^an instance of Money/],
  ['a class of Blobs', () => new Picture(['a']), /^an instance of Picture, which/],
  ['a Blob with a property', () => Object.assign(new Blob(['a']), { extra: 1 }), /Blob with properties \(extra\)/],
  ['what cannot be cloned by its class', () => new Headers(), /^an instance of Headers, which/],
  [
    'an object of a class without a constructor',
    () => Object.create({ constructor: undefined }) as object,
    /^an instance of a class/,
  ],
]

// From Node 26 on a File arrives as one.
if (!(structuredClone(new File([], 'n')) instanceof File))
  odd.push(['a File', () => new File(['a'], 'n'), /^an instance of File, which/])

/** Puts a value somewhere in others. */
const places: ((inside: unknown) => unknown)[] = [
  (inside) => inside,
  (inside) => [1, [inside]],
  (inside) => ({ a: { b: inside }, c: 1 }),
  (inside) => [{ a: [null, { b: inside }] }],
]

describe('values on their way to another thread', () => {
  test('arrive as they are, Buffers among them', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), (values) => {
        expect(unfitOf(values)).toEqual([])
        expect(isDeepStrictEqual(sent(values), values), inspect([values, sent(values)], { depth: 9 })).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(odd)('are told of with their place and why: %s', (_, make, reason) => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), fc.nat(3), fc.constantFrom(...places), (others, at, place) => {
        const position = Math.min(at, others.length)
        const values = [...others.slice(0, position), place(make()), ...others.slice(position)]
        expect(unfitOf(values)).toEqual([{ position, reason: expect.stringMatching(reason) as string }])
      }),
      { numRuns: 20 },
    )
  })

  it.each<[string, unknown]>([
    ['a Blob', new Blob(['abc'])],
    ['boxed values', [new String('ab'), new Number(1), new Boolean(false)]],
    ['a bare error', new RangeError('x', { cause: { n: 1 } })],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['objects and arrays of another realm', runInNewContext('({ a: [1, { b: 2 }] })') as unknown],
    ['a typed array of another realm', runInNewContext('[new Uint16Array(4)]') as unknown],
    ['an array with holes', Object.assign(new Array(5), { 3: { a: 1 } })],
    [
      'a getter that throws',
      Object.defineProperty({}, 'a', {
        get: () => {
          throw new Error('x')
        },
        enumerable: true,
      }),
    ],
  ])('say nothing of %s', (_, one) => {
    expect(unfitOf([one])).toEqual([])
  })

  it('leave behind what lies beside them', () => {
    const large = new Float64Array(1000)
    const memoryOf = (one: unknown): number => {
      const [arrived] = sent([{ deep: [one] }]) as [{ deep: [Uint8Array] }]
      return arrived.deep[0].buffer.byteLength
    }
    expect(memoryOf(large.subarray(5, 10))).toBe(40)
    expect(memoryOf(Buffer.from('ab'))).toBe(2)
    expect((sent([large.subarray(5, 10)]) as [Float64Array])[0].buffer.byteLength).toBe(40)
    // What is half of it and more goes as it is.
    expect(memoryOf(large.subarray(0, 500))).toBe(8000)
    expect(memoryOf(large.subarray(0, 499))).toBe(3992)
    expect(memoryOf(new DataView(large.buffer, 8, 8))).toBe(8000)
  })

  it('share memory and Buffers among each other as they did', () => {
    const memory = new ArrayBuffer(1000)
    const [part, other] = [new Uint8Array(memory, 1, 10), new Uint8Array(memory, 20, 10)]
    for (const one of [memory, new Uint8Array(memory), new DataView(memory), other]) {
      const [[first, second]] = sent([[part, one]]) as [[Uint8Array, ArrayBuffer | Uint8Array]]
      expect(first.buffer).toBe('buffer' in second ? second.buffer : second)
    }
    const twice = { part }
    const [[first, second]] = sent([[twice, twice]]) as [[object, object]]
    expect(first).toBe(second)
    const buffer = Buffer.from('abc')
    const [{ a, b }] = sent([{ a: buffer, b: [buffer] }]) as [{ a: Buffer; b: Buffer[] }]
    expect(a).toBe(b[0])
    const holder: { buffer: Buffer; self?: unknown } = { buffer }
    holder.self = [holder]
    const [[one, { holder: same }]] = sent([[holder, { holder }]]) as [[typeof holder, { holder: typeof holder }]]
    expect(one).toBe(same)
    expect(one.self).toEqual([one])
    expect(Buffer.isBuffer(one.buffer) && one.buffer.equals(buffer)).toBe(true)
  })

  it('are not changed themselves', () => {
    const buffer = Buffer.from('abc')
    const part = new Float64Array(1000).subarray(1, 2)
    const one = { list: Object.assign([buffer, part], { of: buffer }), same: buffer }
    sent([one])
    expect(one.list[0]).toBe(buffer)
    expect(one.list[1]).toBe(part)
    expect([one.list.of, one.same]).toEqual([buffer, buffer])
    expect(buffer.buffer.byteLength).toBeGreaterThan(3)
  })

  it('have the prototype of plain objects where they had none, and Buffers all the same', () => {
    const bare = (row: object): unknown => Object.setPrototypeOf(row, null)
    const rows = [1, 2].map((id) => bare({ id, data: Buffer.from([id]) }))
    const expected = [1, 2].map((id) => ({ id, data: Buffer.from([id]) }))
    expect(isDeepStrictEqual(sent([rows]), [expected])).toBe(true)
    const [list] = sent([Array(2).fill(rows[0])]) as [[object, object]]
    expect(list[0]).toBe(list[1])
  })

  it('are left as they are where a getter tells something else each time', () => {
    let reads = 0
    const moody = {
      get a(): unknown {
        return reads++ < 2 ? Buffer.alloc(1) : undefined
      },
    }
    expect(sent([moody])).toEqual([{ a: undefined }])
  })

  it('may be deep, large, or in a circle', () => {
    let deep: unknown = Buffer.from('end')
    for (let i = 0; i < 500; i++) deep = { deep }
    expect(isDeepStrictEqual(sent([deep]), [deep])).toBe(true)
    const many = Array.from({ length: 20_000 }, (_, n) => ({ n, odd: n === 19_999 ? new Money(n) : null }))
    expect(unfitOf([many])).toMatchObject([{ position: 0 }])
    const holes: unknown[] = []
    holes[2 ** 31] = new Money(1)
    expect(unfitOf([holes])).toMatchObject([{ position: 0 }])
    const circle: { self?: unknown; money?: unknown } = {}
    circle.self = [circle]
    expect(unfitOf([circle])).toEqual([])
    circle.money = new Money(1)
    expect(unfitOf([circle])).toMatchObject([{ position: 0 }])
  })
})
