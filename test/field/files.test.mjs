import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { execute, stream, task } from 'amorsize'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const module = new URL('./tasks/files.mjs', import.meta.url)
const named = (name) => task(module, name)

let folder
let paths
let contents
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'amorsize-files-'))
  contents = Array.from({ length: 120 }, (_, n) => Buffer.from(`file ${n} `.repeat(1 + ((n * 7919) % 20_000))))
  paths = contents.map((content, n) => {
    const path = join(folder, `${n}.txt`)
    writeFileSync(path, content)
    return path
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hashOf = (data) => createHash('sha256').update(data).digest('hex')
const modes = { 'without options': {}, 'in workers alone': { mode: 'threads', workers: 2, mainThread: false } }

describe.each(Object.entries(modes))('files and Buffers through execute, %s', (name, options) => {
  it('hashes files', async () => {
    expect(await execute(named('hashOfFile'), paths, options)).toEqual(contents.map(hashOf))
  })

  it('zips files: the results are Buffers', async () => {
    const results = await execute(named('zipFile'), paths, options)
    expect(results.filter((result) => !Buffer.isBuffer(result))).toEqual([])
    expect(results.map((result) => hashOf(gunzipSync(result)))).toEqual(contents.map(hashOf))
  })

  it('reads files with promises: the results are Buffers', async () => {
    const results = await execute(named('read'), paths, options)
    expect(results.filter((result) => !Buffer.isBuffer(result))).toEqual([])
    expect(results.map(hashOf)).toEqual(contents.map(hashOf))
  })

  it('hashes Buffers', async () => {
    expect(await execute(named('hash'), contents, options)).toEqual(contents.map(hashOf))
  })

  it('sends Buffers there and back', async () => {
    const zipped = await execute(named('zip'), contents, options)
    expect(zipped.filter((result) => !Buffer.isBuffer(result))).toEqual([])
    const results = await execute(named('unzip'), zipped, options)
    expect(results.every((result, n) => Buffer.isBuffer(result) && result.equals(contents[n]))).toBe(true)
  })

  it('Buffers arrive as Buffers, small ones of a pool too, and alone or in objects', async () => {
    const texts = Array.from({ length: 40 }, (_, n) => `text ${n}`)
    const buffers = texts.map((text) => Buffer.from(text))
    const kinds = await execute(named('kindOf'), buffers, options)
    expect(kinds.map(({ kind, isBuffer, text }) => [kind, isBuffer, text])).toEqual(
      texts.map((text) => ['Buffer', true, text]),
    )
    if (name === 'in workers alone') expect(kinds.some(({ isMainThread }) => isMainThread)).toBe(false)
    const objects = buffers.map((body, n) => ({ name: texts[n], body, parts: [body, Buffer.alloc(3)] }))
    const within = await execute(named('kindsWithin'), objects, options)
    expect(within.map(({ name: text, body, parts }) => [text, body.text, ...parts])).toEqual(
      texts.map((text) => [text, text, true, true]),
    )
    // What was sent is still the caller's.
    expect(buffers.map(String)).toEqual(texts)
  })

  it('each item is looked at: Buffers among other things', async () => {
    const items = Array.from({ length: 40 }, (_, n) =>
      n % 4 === 0 ? Buffer.from(`b${n}`) : n % 4 === 1 ? `s${n}` : n % 4 === 2 ? new Uint8Array([n]) : n,
    )
    const results = await execute(named('same'), items, options)
    expect(results.map((result) => result.constructor.name)).toEqual(items.map((item) => item.constructor.name))
    expect(results).toEqual(items)
  })

  it('streams the same', async () => {
    const results = []
    for await (const result of stream(named('zipFile'), paths, options)) results.push(result)
    expect(results.every((result, n) => Buffer.isBuffer(result) && gunzipSync(result).equals(contents[n]))).toBe(true)
  })

  it('a file that is missing rejects with the error of fs, whole', async () => {
    const failing = [...paths.slice(0, 30), join(folder, 'missing'), ...paths.slice(30)]
    const failed = await execute(named('read'), failing, { ...options, onError: 'collect' })
    expect(failed.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(failed[30].reason).toMatchObject({ code: 'ENOENT', syscall: 'open', errno: -2 })
    await expect(execute(named('hashOfFile'), failing, options)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

it('a closure over fs reads in this thread', async () => {
  const results = await execute((path) => readFile(path), paths)
  expect(results.every((result, n) => result.equals(readFileSync(paths[n])))).toBe(true)
})
