import { File } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { threadId } from 'node:worker_threads'
import { AmorsizeError, execute, optimize } from 'amorsize'
import { describe, expect, it } from 'vitest'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Makes a function whose items take long enough for workers, and whose results `shape` makes. */
function computing(shape: string): (n: number) => unknown {
  // Inline, so that workers can have it.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it captures nothing that way
  return new Function('n', `const end = performance.now() + 0.5; while (performance.now() < end); ${shape}`) as (
    n: number,
  ) => unknown
}

const kindOf = (value: unknown): unknown => {
  if (value instanceof Error) return [value.name, Reflect.get(value, 'code'), kindOf(value.cause)]
  if (typeof value === 'object' && value !== null)
    return [
      value.constructor.name,
      Object.getOwnPropertySymbols(value).length,
      typeof Reflect.get(value, 'again'),
      kindOf(Reflect.get(value, 'error')),
    ]
  return typeof value
}

describe('results that would arrive changed, or not at all, are those of the loop', () => {
  it.each([
    ['an instance of a class', 'class Money {}; return n % 50 === 49 ? new Money() : null'],
    ['an error with properties', "return n % 3 ? n : { error: Object.assign(new Error('x'), { code: 'ENOENT' }) }"],
    ['properties whose keys are symbols', "return n % 40 === 39 ? { [Symbol('a')]: n } : n"],
    [
      'an error in an error',
      "return n % 45 ? n : new Error('x', { cause: Object.assign(new Error('y'), { code: 1 }) })",
    ],
    ['a property of an array', 'return n % 45 ? [n] : Object.assign([n], { error: new (class Odd {})() })'],
    ['a property of a Map', "return n % 45 ? n : Object.assign(new Map(), { again: 'yes' })"],
    ['a function', 'return n % 100 === 99 ? { again: () => n } : { ok: true }'],
    [
      'a part of a class of typed arrays',
      'class Vector extends Float64Array {}; return n % 60 === 59 ? new Vector(2) : 1',
    ],
  ])('%s', async (_, shape) => {
    const task = computing(shape)
    const items = numbers(800)
    let modes = ''
    const options = { hooks: { onEnd: ({ mode }: { mode: string }) => void (modes += mode) } }
    const results = await execute(task, items, options)
    // What is not there at the beginning is found by a worker.
    expect(results.map(kindOf)).toEqual(items.map((n) => kindOf(task(n))))
    expect(modes).not.toBe('')
  })

  it.each(['throw', 'collect'] as const)(
    'nest deeper than a thread can read, whether workers have been sent away by then or not: onError %s',
    async (onError) => {
      const depthOf = (value: unknown): number => {
        let depth = 0
        for (let one = value; typeof one === 'object' && one !== null; one = Reflect.get(one, 'o')) depth++
        return depth
      }
      await execute(computing('return n'), numbers(100))
      for (let round = 0; round < 4; round++) {
        const task = computing('let o = n; for (let depth = 0; depth < 5000; depth++) o = { o }; return o')
        const results = await execute(task, numbers(100), { onError })
        const values = results.map((one) => (onError === 'throw' ? one : (one as { value?: unknown }).value))
        expect(values.map(depthOf)).toEqual(numbers(100).map(() => 5000))
      }
    },
  )

  it.each([
    ['numbers that threads claim', {}],
    ['chunks', { chunkSize: 50 }],
  ])('beside others that cannot be cloned, each once: %s', async (_, options) => {
    const source = `let sum = 0; for (let k = 0; k < 4000; k++) sum += Math.sqrt(k + n)
      if (n % 1000 === 500) return new (class Odd { n = n })()
      if (n % 1000 === 501) return () => n
      return sum < 0 ? 0 : n`
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- it captures nothing that way
    const task = new Function('n', source) as (n: number) => unknown
    const items = numbers(20_000)
    const runs: number[] = []
    const hooks = { onEnd: ({ completed }: { completed: number }) => void runs.push(completed) }
    for (let round = 0; round < 3; round++) {
      const results = await execute(task, items, { ...options, workers: 2, hooks })
      expect(results.map(kindOf)).toEqual(items.map((n) => kindOf(task(n))))
    }
    expect(runs).toEqual([20_000, 20_000, 20_000])
  })

  it('needs no workers any more where they are many', async () => {
    const weighed = computing('return n < 40 ? 1 : new (class Result { constructor() { this.n = n } })()')
    const modes: string[] = []
    for (let run = 0; run < 2; run++)
      await execute(weighed, numbers(800), { hooks: { onEnd: ({ mode }) => void modes.push(mode) } })
    expect(modes[1]).toBe('serial')
    const plan = await optimize(weighed, numbers(800))
    expect(plan.mode).toBe('serial')
  })

  it('counts both attempts of one that fails here', async () => {
    // A worker is there, and this thread comes to none of the odd items before that has.
    await execute((n: number) => n, [1], { mode: 'threads', workers: 1, mainThread: false })
    const task = computing(
      `if (n.i % 100 || n.i < 400) return n.i
      if (process.getBuiltinModule('node:worker_threads').threadId === n.home) {
        for (const end = performance.now() + 10_000; process.env.SEEN_IN_WORKER !== 'yes' && performance.now() < end; );
        throw new Error('here')
      }
      process.env.SEEN_IN_WORKER = 'yes'
      return new (class Odd {})()`,
    ) as unknown as (item: object) => unknown
    const attempts: number[] = []
    const items = numbers(2000).map((i) => ({ i, home: threadId }))
    const results = await execute(task, items, {
      prefer: 'threads',
      onError: 'collect',
      hooks: { onItemError: (event) => void attempts.push(event.attempts) },
    })
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(16)
    expect(attempts).toHaveLength(16)
    expect(attempts).toContain(2)
  })

  it('they are sent as they are where threads were asked for', async () => {
    const money = computing('return new (class Money { constructor() { this.n = n } })()')
    const [one] = await execute(money, [1], { mode: 'threads', workers: 1, mainThread: false })
    expect(one).toEqual({ n: 1 })
    await expect(
      execute(computing('return () => n'), [1], { mode: 'threads', workers: 1, mainThread: false }),
    ).rejects.toMatchObject({ name: 'DataCloneError' })
  })
})

describe('items that would arrive changed run in this thread', () => {
  class Vector extends Float64Array {
    norm(): number {
      return Math.hypot(...this)
    }
  }
  it.each([
    ['errors with properties', () => Object.assign(new Error('x'), { code: 'ENOENT' }), 'return n.code', 'ENOENT'],
    ['a class of typed arrays', () => Vector.of(3, 4), 'return n.norm()', 5],
    ['symbols as keys', () => ({ [Symbol.for('k')]: 2 }), "return n[Symbol.for('k')]", 2],
  ])('%s', async (_, make, shape, expected) => {
    const task = computing(shape) as (item: unknown) => unknown
    const items: unknown[] = Array.from({ length: 400 }, make as () => unknown)
    const results = await execute(task, items)
    expect(results).toEqual(numbers(400).map(() => expected))
  })

  it('of a large typed array, each item takes its own part along', async () => {
    const all = new Float32Array(4e6).map((_, i) => i)
    const parts = numbers(200).map((n) => all.subarray(n * 20_000, (n + 1) * 20_000))
    const task = (part: Float32Array): number[] => [part.buffer.byteLength, part[1] as number]
    const results = await execute(task, parts, { mode: 'threads', workers: 1, mainThread: false })
    expect(results).toEqual(numbers(200).map((n) => [80_000, n * 20_000 + 1]))
  })

  it('two views of one buffer stay that', async () => {
    const buffer = new ArrayBuffer(800)
    const item = { one: new Uint8Array(buffer, 0, 8), two: new Uint8Array(buffer, 8, 8) }
    const task = ({ one, two }: typeof item): boolean => one.buffer === two.buffer
    expect(await execute(task, [item], { mode: 'threads', workers: 1, mainThread: false })).toEqual([true])
  })
})

describe('what another thread receives', () => {
  const options = { mode: 'threads', workers: 1, mainThread: false } as const

  it('is refused where it would be changed', async () => {
    const odd = [
      [new File(['a'], 'name'), 'File'],
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

  it('has no prototype where it had none, as rows of a database', async () => {
    const row = (word: string): unknown => [/(?<first>.)/.exec(word)?.groups, Object.create(null)]
    const results = await execute(row, ['one', 'two'], options)
    expect(isDeepStrictEqual(results, [row('one'), row('two')])).toBe(true)
    const items = [Object.assign(Object.create(null) as object, { a: [Object.create(null)] })]
    const bare = (item: { a?: object[] }): unknown[] =>
      [item, item.a?.[0]].map((one) => Object.getPrototypeOf(one) as unknown)
    expect(await execute(bare, items, options)).toEqual([[null, null]])
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
