import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Checkpoint } from '../../dist/records/checkpoint.js'
import { digestOf } from '../../dist/records/item-digest.js'
import { recordedRun, temporaryFolder } from '../unit/support/recorded-run.js'

const folder = temporaryFolder()
let count = 0
const identity = { task: 'task', total: null }
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
})
/** Items, their results, and which of them fail. */
const runs = fc.array(fc.record({ item: anything, result: anything, fails: fc.boolean() }), { maxLength: 30 })

interface Case {
  readonly item: unknown
  readonly result: unknown
  readonly fails: boolean
}

/** Runs all once, the failing ones failing, and returns the log. */
async function firstRun(cases: readonly Case[]) {
  const dir = join(folder, `run-${count++}`)
  await recordedRun(
    [await Checkpoint.open({ dir }, identity)],
    cases.map(({ item }) => item),
    (_, index) => {
      if (cases[index]!.fails) throw new Error('fails')
      return cases[index]!.result
    },
  )
  const path = join(dir, 'checkpoint.log')
  return { dir, path, log: readFileSync(path) }
}

const again = async (dir: string, cases: readonly Case[]) =>
  recordedRun(
    [await Checkpoint.open({ dir }, identity)],
    cases.map(({ item }) => item),
    (_, index) => cases[index]!.result,
  )

describe('the log of a checkpoint', () => {
  it('gives every finished item its own result and lets just the others run', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (cases) => {
        const { dir } = await firstRun(cases)
        const { results, ran } = await again(dir, cases)
        expect(results).toStrictEqual(cases.map(({ result }) => structuredClone(result)))
        expect(ran).toEqual(cases.flatMap(({ fails }, index) => (fails ? [index] : [])))
      }),
    )
  })

  it('cut off anywhere, leaves a run that ends with the same results', async () => {
    await fc.assert(
      fc.asyncProperty(runs, fc.nat(), async (cases, cut) => {
        const { dir, path, log } = await firstRun(cases)
        writeFileSync(path, log.subarray(0, cut % (log.length + 1)))
        expect((await again(dir, cases)).results).toStrictEqual(cases.map(({ result }) => structuredClone(result)))
        expect((await again(dir, cases)).ran).toEqual([])
      }),
    )
  })

  it('with any byte changed, is refused or ends with the same results', async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(runs, fc.nat(), fc.integer({ min: 1, max: 255 }), async (cases, at, change) => {
        const { dir, path, log } = await firstRun(cases)
        log[at % log.length]! ^= change
        writeFileSync(path, log)
        try {
          expect((await again(dir, cases)).results).toStrictEqual(cases.map(({ result }) => structuredClone(result)))
        } catch (error) {
          expect((error as Error).message).toMatch(/is damaged in its first record|is no checkpoint of this package/)
          refused++
        }
      }),
    )
    expect(refused).toBeGreaterThan(0)
  })

  it('refuses another item in the place of a finished one, and names it', async () => {
    await fc.assert(
      fc.asyncProperty(runs, fc.nat(), anything, async (cases, at, other) => {
        const whole = cases.map((each) => ({ ...each, fails: false }))
        fc.pre(whole.length > 0)
        const index = at % whole.length
        fc.pre(digestOf(other) !== digestOf(whole[index]!.item))
        const { dir } = await firstRun(whole)
        const changed = whole.with(index, { ...whole[index]!, item: other })
        await expect(again(dir, changed)).rejects.toThrow(`item ${index} is not the one that was finished`)
      }),
    )
  })
})

describe('the digest of an item', () => {
  it('is the same for a copy of it', () => {
    fc.assert(
      fc.property(anything, (item) => {
        expect(digestOf(structuredClone(item))).toBe(digestOf(item))
      }),
    )
  })

  it('does not depend on how a string or number is held in memory', () => {
    const wide = 'abcdef☃'
    expect(digestOf(wide.slice(0, 6))).toBe(digestOf('abcdef'))
    expect(digestOf({ s: wide.slice(0, 6) })).toBe(digestOf({ s: 'abc'.concat('def') }))
    expect(digestOf({ n: new Float64Array([1])[0] })).toBe(digestOf({ n: 1 }))
    expect(digestOf([new Float64Array([1])[0]])).toBe(digestOf([1]))
  })

  it('tells apart what is easily mixed up', () => {
    const circular: unknown[] = []
    circular.push(circular)
    const all: unknown[] = [
      0,
      -0,
      NaN,
      '0',
      '',
      null,
      undefined,
      false,
      0n,
      [],
      {},
      [[]],
      [null],
      [undefined],
      ['a', 'b'],
      ['ab'],
      [['a'], 'b'],
      { a: 1 },
      { b: 1 },
      { a: '1' },
      new Map(),
      new Set(),
      new Map([[1, 2]]),
      new Set([1, 2]),
      new Date(0),
      new Date(NaN),
      /a/,
      /a/g,
      new Error('a'),
      new TypeError('a'),
      new Uint8Array(4),
      new Int8Array(4),
      new Uint8Array(5),
      new ArrayBuffer(4),
      new SharedArrayBuffer(4),
      circular,
      () => 0,
      () => 1,
      Symbol('a'),
    ]
    expect(new Set(all.map(digestOf)).size).toBe(all.length)
  })

  it('can be made of whatever comes', () => {
    let deep: unknown = null
    for (let i = 0; i < 100_000; i++) deep = [deep]
    for (const item of [
      deep,
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no')
          },
        },
      ),
      Object.create(null),
      globalThis,
    ])
      expect(digestOf(item)).toBeTypeOf('number')
  })
})
