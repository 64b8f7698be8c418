import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DeadLetters } from '../../../dist/records/dead-letters.js'
import { ExecutionError } from '../../../dist/index.js'
import { temporaryFolder } from '../support/recorded-run.js'

const folder = temporaryFolder()
const at = '2026-01-02T03:04:05.678Z'
let count = 0
const newFile = (): string => join(folder, `dead-${count++}.ndjson`)

/** Writes one failure and returns the line it became. */
async function letter(item: unknown, error: unknown): Promise<Record<string, unknown>> {
  const path = newFile()
  const letters = await DeadLetters.open(path, () => new Date(at))
  letters.itemFailed(3, item, error, 2)
  await letters.close()
  const text = readFileSync(path, 'utf8')
  expect(text.match(/\n/g)).toHaveLength(1)
  return JSON.parse(text) as Record<string, unknown>
}

const circular: Record<string, unknown> = { name: 'loop' }
circular['self'] = circular

describe('a dead letter', () => {
  it('says which item failed, with what, how often it was tried, and when', async () => {
    const error = Object.assign(new TypeError('bad item'), { code: 'E_BAD' })
    expect(await letter({ id: 7, tags: ['a', null] }, error)).toEqual({
      index: 3,
      item: { id: 7, tags: ['a', null] },
      error: { name: 'TypeError', message: 'bad item', code: 'E_BAD', stack: error.stack },
      attempts: 2,
      at,
    })
  })

  it.each([
    ['BigInt', 12n],
    ['undefined', undefined],
    ['a function', function work() {}],
    ['a symbol', Symbol('s')],
    ['a value that holds itself', circular],
    ['NaN', NaN],
    ['-0', -0],
    ['an array with a hole', [1, , 3]],
    ['an array with properties of its own', Object.assign([1, 2], { more: 3 })],
    ['a Map', new Map([[1, 2]])],
    ['a typed array', new Uint8Array([1, 2])],
    ['an object with a BigInt in it', { deep: [{ n: 1n }] }],
    ['an object with a function in it', { run: () => 0 }],
    ['NaN among numbers', [1, NaN, 3]],
    ['a Map beside what JSON can hold', { id: 7, tags: ['a'], more: new Map([[1, 2]]) }],
  ])('describes an item that JSON cannot hold: %s', async (_, item) => {
    expect(await letter(item, new Error('no'))).toMatchObject({ item: inspect(item), inspected: true })
  })

  it.each([
    ['null', null],
    ['a date', new Date(5)],
    ['a string that ends a line', 'two\nlines\u2028'],
    ['a property that is undefined', { a: 1, b: undefined }],
    [
      'an instance of a class',
      new (class Point {
        x = 1
      })(),
    ],
    ['no prototype', Object.assign(Object.create(null) as object, { a: 1 })],
  ])('holds an item that JSON can hold as it is: %s', async (_, item) => {
    const line = await letter(item, new Error('no'))
    expect(line['item']).toEqual(JSON.parse(JSON.stringify(item)))
    expect(line).not.toHaveProperty('inspected')
  })

  it.each([
    ['null', null, { name: null, message: 'null', code: null, stack: null }],
    ['undefined', undefined, { name: null, message: 'undefined', code: null, stack: null }],
    ['a string', 'boom', { name: null, message: 'boom', code: null, stack: null }],
    ['an object', { status: 500 }, { name: null, message: '{ status: 500 }', code: null, stack: null }],
    ['a code that is no number', { message: 'm', code: NaN }, { name: null, message: 'm', code: null, stack: null }],
    ['a code that is an object', { message: 'm', code: {} }, { name: null, message: 'm', code: null, stack: null }],
    ['an object with a message', { message: 'm', code: 4 }, { name: null, message: 'm', code: 4, stack: null }],
    ['a DOMException', new DOMException('stop', 'AbortError'), { name: 'AbortError', message: 'stop', code: 20 }],
  ])('holds whatever was thrown: %s', async (_, thrown, written) => {
    expect((await letter(1, thrown))['error']).toMatchObject(written)
  })

  it('comes about whatever the getters of the item and the error do', async () => {
    const hostile = (): object =>
      Object.defineProperty({}, 'message', {
        enumerable: true,
        get: () => {
          throw new Error('no')
        },
      })
    const line = await letter(hostile(), hostile())
    expect(line).toMatchObject({ inspected: true, error: { name: null, code: null } })
    const unshowable = {
      toJSON: () => 1n,
      [inspect.custom]: () => {
        throw new Error('no')
      },
    }
    expect(await letter(unshowable, 'x')).toMatchObject({ item: '[object that cannot be shown]', inspected: true })
    expect(await letter({ toJSON: () => undefined }, 'x')).toMatchObject({ inspected: true })
  })
})

describe('the file of dead letters', () => {
  it('is appended to by each run, without an empty line between them', async () => {
    const path = newFile()
    for (const index of [3, 4]) {
      const letters = await DeadLetters.open(path, () => new Date(at))
      letters.itemFailed(index, index, new Error('no'), 1)
      await letters.close()
    }
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual([3, 4])
  })

  it('is appended to, and starts on a new line behind one that was cut off', async () => {
    const path = newFile()
    writeFileSync(path, '{"index":0}\n{"ind')
    const letters = await DeadLetters.open(path)
    for (let i = 0; i < 1000; i++) letters.itemFailed(i, i, new Error('no'), 1)
    await letters.flush()
    await letters.close()
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines.slice(0, 2)).toEqual(['{"index":0}', '{"ind'])
    expect(lines.slice(2, -1).map((line) => (JSON.parse(line) as { index: number }).index)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    )
  })

  it('is made, though nothing fails', async () => {
    const path = newFile()
    await (await DeadLetters.open(path)).close()
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it('is an ExecutionError before anything runs where it cannot be written', async () => {
    mkdirSync(join(folder, 'folder'))
    for (const path of [join(folder, 'folder'), join(folder, 'missing', 'dead.ndjson')]) {
      const opened = DeadLetters.open(path)
      await expect(opened).rejects.toThrow(/the dead-letter file '.*' cannot be written: E(ISDIR|NOENT)/)
      await expect(opened).rejects.toBeInstanceOf(ExecutionError)
    }
  })

  it.runIf(process.platform === 'linux')('ends the run at its next item or flush when the disk is full', async () => {
    const letters = await DeadLetters.open('/dev/full')
    letters.itemFailed(0, 'item', new Error('no'), 1)
    await expect(letters.flush()).rejects.toThrow(/the dead-letter file '\/dev\/full' cannot be written: ENOSPC/)
    expect(() => letters.itemTaken()).toThrow(ExecutionError)
    await expect(letters.close()).rejects.toThrow(/ENOSPC/)
  })
})
