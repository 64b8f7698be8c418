import { File } from 'node:buffer'
import { createSecretKey, type KeyObject } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { AmorsizeError, execute } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { computing } from '../support/inline.js'

describe('what another thread receives', () => {
  const options = { mode: 'threads', workers: 1, mainThread: false } as const

  it('is refused where it would be changed', async () => {
    const odd = [
      [Object.assign(new File(['a'], 'name'), { extra: 1 }), 'File'],
      [new Error('x', { cause: Object.assign(new Error('y'), { code: 'ENOENT' }) }), 'properties (code)'],
      [new Error('x', { cause: Buffer.from('y') }), 'a Buffer in a Map, a Set or an error'],
      [Object.assign(new Map(), { extra: 1 }), 'an instance of Map with properties (extra)'],
      [Object.assign(new Date(), { [Symbol('zone')]: 1 }), 'Symbol(zone)'],
      [Object.assign(/a/g, { lastIndex: 3 }), 'lastIndex'],
      [Object.assign([1], { odd: new (class Odd {})() }), 'an instance of Odd'],
    ] as const
    for (const [item, reason] of odd) {
      const refusal = execute((value: unknown) => typeof value, [item], options)
      await expect(refusal).rejects.toMatchObject({ name: 'TaskNotTransferableError' })
      await expect(refusal).rejects.toThrow(reason)
    }
  })

  it.each([
    ['a string object', new String('abc'), (value: string) => value.length, 3],
    ['a Blob', new Blob(['abc']), (value: Blob) => value.size, 3],
    ['a key', createSecretKey('abc', 'utf8'), (value: KeyObject) => value.export().toString(), 'abc'],
    ['an array with properties', Object.assign([Buffer.from('a')], { of: 2 }), (value: { of: number }) => value.of, 2],
    [
      'a Buffer that is a property of an array',
      Object.assign([1], { bytes: Buffer.from('abc') }),
      (value: { bytes: Buffer }) => value.bytes.toString(),
      'abc',
    ],
  ])('is %s', async (_, item, task, expected) => {
    expect(await execute(task as (value: unknown) => unknown, [item], options)).toEqual([expected])
  })

  it('is one Buffer where it was one', async () => {
    const bytes = Buffer.from('abc')
    const same = ({ a, b }: { a: Buffer; b: Buffer[] }): boolean => a === b[0] && a.toString() === 'abc'
    expect(await execute(same, [{ a: bytes, b: [bytes] }], options)).toEqual([true])
  })

  it('has one memory where it had one', async () => {
    const memory = new ArrayBuffer(1000)
    const whole = new Uint8Array(memory)
    const part = new Uint8Array(memory, 5, 10)
    const same = ([a, b]: [{ buffer?: unknown }, { buffer?: unknown }]): boolean => (a.buffer ?? a) === b.buffer
    const pairs = [
      [whole, part],
      [memory, part],
      [new DataView(memory), part],
    ] as [{ buffer?: unknown }, { buffer?: unknown }][]
    expect(await execute(same, pairs, options)).toEqual([true, true, true])
  })

  it('has Buffers in what an item throws, as of a program that has failed', async () => {
    const task = (): never => {
      throw Object.assign(new Error('x', { cause: { part: Buffer.from('c') } }), {
        stderr: Buffer.from('no such file'),
        output: [null, Buffer.from('out')],
      })
    }
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: Error & { stderr: Buffer; output: unknown[]; cause: { part: Buffer } } }
    expect([reason.stderr.toString(), String(reason.output[1]), reason.cause.part.toString()]).toEqual([
      'no such file',
      'out',
      'c',
    ])
  })

  it.each([
    ['thrown', 'throw'],
    ['a cause of what is thrown', "throw new Error('outer', { cause:"],
  ])('is an error of a class that is a function with a prototype, %s', async (_, how) => {
    const task = computing(
      `function Odd(message) { this.message = message; this.code = 'ODD'; this.stack = 'Odd: at home' }
       Odd.prototype = Object.create(Error.prototype, { constructor: { value: Odd }, name: { value: 'Odd' } })
       ${how} new Odd('no number') ${how === 'throw' ? '' : '})'}`,
    )
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: Error }
    const error = how === 'throw' ? reason : reason.cause
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'Odd', message: 'no number', code: 'ODD', stack: 'Odd: at home' })
  })

  it('is an error with all that it had, and of its own class alone', async () => {
    const task = computing(
      `class ChaosError extends Error { name = 'ChaosError' }
       const hidden = { value: 7, enumerable: false }
       throw Object.assign(Object.defineProperty(new ChaosError('x'), 'request', hidden), { errors: ['e'], message: 'y' })`,
    )
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: Error & { errors: unknown; request: unknown } }
    expect([reason.name, reason.message, reason.errors, reason.request]).toEqual(['ChaosError', 'y', ['e'], 7])
    expect(Object.keys(reason).sort()).toEqual(['errors', 'name'])
    expect(AmorsizeError.is(reason) || reason instanceof AmorsizeError).toBe(false)
    const nested = await execute(
      computing(
        `const inner = Object.assign(new TypeError('inner'), { code: 'EINNER' })
         const outer = Object.assign(new Error('outer', { cause: inner }), { original: inner, failures: [inner, 7] })
         throw Object.assign(inner, { parent: outer })`,
      ),
      [1],
      { ...options, onError: 'collect' },
    )
    const inner = (nested[0] as { reason: { code: string; parent: Record<string, unknown> } }).reason
    expect(inner).toBeInstanceOf(TypeError)
    expect([inner.code, inner.parent['cause'], inner.parent['original'], inner.parent['failures']]).toEqual([
      'EINNER',
      inner,
      inner,
      [inner, 7],
    ])
    const both = execute(computing(`throw new AggregateError([new TypeError('one')], 'both')`), [1], options)
    await expect(both).rejects.toMatchObject({ message: 'both', errors: [new TypeError('one')] })
  })

  it('is an error with what can come of its properties, as those of an HTTP client', async () => {
    const task = (): never => {
      const config = { url: '/a', adapter: () => 1, list: [() => 1, { port: 80 }], same: {} }
      config.same = config
      const response = { status: 404, request: Promise.resolve(), config, data: Buffer.from('none') }
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const internals = Object.assign(Object.create({}) as object, { run: () => 1, traits: new Set(['a']) })
      throw Object.assign(new Error('x'), { internals, response, retry: () => 1, request: new WeakMap(), draft: proxy })
    }
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: Error & { response: object } }
    expect(reason).not.toHaveProperty('retry')
    expect(reason).toMatchObject({ message: 'x', request: 'WeakMap { <items unknown> }', draft: '<Revoked Proxy>' })
    expect(reason.response).toMatchObject({
      status: 404,
      request: 'Promise { undefined }',
      config: { url: '/a', list: ['[Function (anonymous)]', { port: 80 }], same: { same: {} } },
      data: Buffer.from('none'),
    })
    expect(reason).toMatchObject({ internals: { traits: new Set(['a']) } })
    expect(reason.response).not.toHaveProperty('config.adapter')
    expect(Object.getPrototypeOf(reason.response)).toBe(Object.prototype)
  })

  it('is an error whose class has a static member of the name of its name, and whose properties have any', async () => {
    const task = computing(
      `class Odd extends TypeError { static name() { return 'Odd' } }
       const holes = new Array(4e9)
       holes[3] = 1
       throw Object.assign(Object.defineProperty(new Odd('x'), '__proto__', { value: 7, enumerable: true }), { holes })`,
    )
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: Error & { holes: number[] } }
    expect(reason).toBeInstanceOf(TypeError)
    expect(reason.message).toBe('x')
    expect(Object.getOwnPropertyDescriptor(reason, '__proto__')).toMatchObject({ value: 7, enumerable: true })
    expect([reason.holes.length, reason.holes[3]]).toEqual([4e9, 1])
  })

  it('is a DOMException with its name, cause and properties', async () => {
    const task = (): never => {
      const cause = new DOMException('inner', 'DataError')
      throw Object.assign(new DOMException('outer', 'AbortError'), { cause, status: 409 })
    }
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: DOMException }
    expect(reason).toBeInstanceOf(DOMException)
    expect(reason).toMatchObject({ name: 'AbortError', code: 20, message: 'outer', status: 409 })
    expect(reason.cause).toBeInstanceOf(DOMException)
    expect(reason.cause).toMatchObject({ name: 'DataError', message: 'inner' })
  })

  it('is an error of its class where a list of it cannot be read', async () => {
    const task = (): never => {
      const unreadable = Object.defineProperty([0, new Error('two')], 0, {
        get() {
          throw new Error('not to be read')
        },
      })
      throw Object.assign(new RangeError('out'), { status: 416, list: [new Error('one')], unreadable })
    }
    const [outcome] = await execute(task, [1], { ...options, onError: 'collect' })
    const { reason } = outcome as { reason: RangeError }
    expect(reason).toBeInstanceOf(RangeError)
    expect(reason).toMatchObject({ message: 'out', status: 416, list: [{ message: 'one' }] })
  })

  it('has the prototype of plain objects where it had none, as rows of a database', async () => {
    const row = (word: string): unknown => [/(?<first>.)/.exec(word)?.groups, Object.create(null)]
    const results = await execute(row, ['one', 'two'], options)
    expect(
      isDeepStrictEqual(results, [
        [{ first: 'o' }, {}],
        [{ first: 't' }, {}],
      ]),
    ).toBe(true)
    const items = [Object.assign(Object.create(null) as object, { a: [Object.create(null)] })]
    const plain = (item: { a?: object[] }): unknown[] =>
      [item, item.a?.[0]].map((one) => Object.getPrototypeOf(one) === Object.prototype)
    expect(await execute(plain, items, options)).toEqual([[true, true]])
  })

  it('is written to where its memory is shared', async () => {
    const memory = new SharedArrayBuffer(64)
    const parts = [Buffer.from(memory, 8, 16), new Uint8Array(memory, 24, 8)]
    const task = (part: Uint8Array): Uint8Array => part.fill(7)
    const results = await execute(task, parts, options)
    expect(Array.from(new Uint8Array(memory, 8, 24))).toEqual(Array<number>(24).fill(7))
    expect(results.map((part) => [Buffer.isBuffer(part), part.buffer instanceof SharedArrayBuffer])).toEqual([
      [true, true],
      [false, true],
    ])
  })

  it('takes no longer for each of many Buffers in one item', async () => {
    const item = Array.from({ length: 50_000 }, (_, i) => Buffer.from(String(i)))
    const total = (all: Buffer[]): number => all.reduce((sum, one) => sum + Number(one.toString()), 0)
    expect(await execute(total, [item], options)).toEqual([(50_000 * 49_999) / 2])
  })
})
