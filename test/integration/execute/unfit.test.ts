import { threadId } from 'node:worker_threads'
import { execute, optimize } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { computing, inline } from '../support/inline.js'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

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
    ['chunks of any size', {}],
    ['chunks', { chunkSize: 50 }],
  ])('beside others that cannot be cloned, each once: %s', async (_, options) => {
    const source = `let sum = 0; for (let k = 0; k < 4000; k++) sum += Math.sqrt(k + n)
      if (n % 1000 === 500) return new (class Odd { n = n })()
      if (n % 1000 === 501) return () => n
      return sum < 0 ? 0 : n`
    const task = inline(source)
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

  it('they are clones in each thread where threads were asked for', async () => {
    const items = numbers(200)
    const options = { mode: 'threads', workers: 1, onError: 'collect' } as const
    const odd = await execute(computing('return new (class Odd { n = n })()'), items, options)
    expect(odd).toEqual(items.map((n) => ({ status: 'fulfilled', value: { n } })))
    expect(odd.every((one) => 'value' in one && Object.getPrototypeOf(one.value) === Object.prototype)).toBe(true)
    const functions = await execute(computing('return () => n'), items, options)
    expect(functions.every((one) => one.status === 'rejected' && one.reason.name === 'DataCloneError')).toBe(true)
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
