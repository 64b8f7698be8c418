import crypto, { webcrypto } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { execute, optimize } from 'amorsize'
import { describe, expect, it } from 'vitest'

const numbers = Array.from({ length: 400 }, (_, n) => n)
const threads = { mode: 'threads', workers: 1, mainThread: false } as const

/** Takes long enough for workers, by nothing from around it. */
const spin = 'const end = Date.now() + 2; while (Date.now() < end);'

/** Makes functions among variables, as a module has them. */
function among(names: Record<string, unknown>, source: string, start = ''): (n: number) => unknown {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- where the function stands is what is tried
  const make = new Function(...Object.keys(names), `${start}; return ${source}`) as (...values: unknown[]) => unknown
  return make(...Object.values(names)) as (n: number) => unknown
}

describe('a variable with the name of a global is no global', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['a module of Node', { crypto }, "crypto.createHash('md5').update(String(n)).digest('hex')", 'crypto'],
    ['a class of the program', { Event: class extends Array {} }, 'new Event(n).length', 'Event'],
    ['a function of a library', { Map: (n: number) => ({ n }) }, 'Map(n).n', 'Map'],
    ['something else than that', { setTimeout: undefined }, 'setTimeout === undefined', 'setTimeout'],
  ])('%s', async (_, names, result, captured) => {
    const task = among(names, `(n) => { ${spin} return ${result} }`)
    expect(await execute(task, numbers)).toEqual(numbers.map(task))
    const refused = execute(task, [1], threads)
    await expect(refused).rejects.toMatchObject({ name: 'TaskNotTransferableError', captured: [captured] })
  })

  it('but it is where it is the same', async () => {
    const own = { crypto: webcrypto, performance, Buffer, process, URL }
    const task = among(
      own,
      "(n) => [typeof crypto.subtle, performance.now() > n, new URL('a:b').href, Buffer.from('a')]",
    )
    expect(await execute(task, [0], threads)).toEqual([['object', true, 'a:b', Buffer.from('a')]])
    expect(await execute(() => performance.now() > 0 && typeof crypto.createHash, [1])).toEqual(['function'])
  })

  it('and is known among the many variables of a bundle', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => `const v${i} = ${i}`).join(';')
    const all = `const all = () => [${Array.from({ length: 5000 }, (_, i) => `v${i}`).join()}]`
    const task = among({ fetch: 1 }, '(n) => n + fetch + (n < 0 ? all().length : 0)', `${many};${all}`)
    const plan = await optimize(task, numbers, { prefer: 'threads' })
    expect(plan.warnings.join()).toContain('captures all, fetch')
  })
})

describe('a function that is not strict', () => {
  it.each([
    ['sees its parameters in arguments', 'function (n) { arguments[0] = n + 1; return n }'],
    ['leaves a frozen object alone', 'function (n) { const item = Object.freeze({ n }); item.n = -1; return item.n }'],
    ['has functions with a `this`', 'function () { return (function () { return typeof this })() }'],
  ])('%s', async (_, source) => {
    const task = among({}, source)
    expect(await execute(task, [1, 2], threads)).toEqual([1, 2].map(task))
    const strict = among({}, source, "'use strict'")
    const outcomes = await execute(strict, [1], { ...threads, onError: 'collect' })
    expect(outcomes).toMatchObject(await execute(strict, [1], { mode: 'serial', onError: 'collect' }))
  })
})
