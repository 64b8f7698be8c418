import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { execute, optimize, stream, task } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { double } from '../../fixtures/tasks/typed.js'

const typed = new URL('../../fixtures/tasks/typed.ts', import.meta.url)
const itself = new URL('../../fixtures/tasks/itself.mjs', import.meta.url)

describe('a task by its module and the function itself', () => {
  it('runs the function in this thread, and what the module exports by its name in workers', async () => {
    // A process of its own, where the module awaits its tasks at its top level.
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(itself)])
    expect(JSON.parse(stdout)).toEqual({
      here: { isMainThread: true, copy: 1 },
      there: { isMainThread: false, copy: 1 },
      good: 2,
      isOdd: true,
      n: 3,
      renamed: expect.stringMatching(
        /must export a function named 'inside'; received undefined \(functions it exports: OddError, half, outside, where\)$/,
      ) as string,
    })
  })

  it('needs no import in this thread: Vitest has compiled this one, which Node 20 could not load', async () => {
    const items = [{ n: 1 }, { n: 2 }]
    const reference = task(typed, double)
    expect(reference).toEqual({ url: typed.href, export: 'double', signature: double })
    const results: string[] = await execute(reference, items)
    expect(results).toEqual(['2', '4'])
    expect(await execute({ ...reference }, items)).toEqual(results)
    const streamed: string[] = []
    for await (const result of stream(reference, items)) streamed.push(result)
    expect(streamed).toEqual(results)
    expect(await (await optimize(reference, items)).run()).toEqual(results)
  })

  it('may be of a CommonJS module whose names `import()` does not see', async () => {
    const path = fileURLToPath(new URL('../../fixtures/tasks/assigned.cjs', import.meta.url))
    const library = createRequire(path)(path) as { double: (n: number) => number; OddError: new () => Error }
    const threads = { mode: 'threads', workers: 1, mainThread: false } as const
    for (const reference of [task<number, number>(path, 'double'), task(path, library.double)]) {
      expect(await execute(reference, [2, 4])).toEqual([4, 8])
      expect(await execute(reference, [2, 4], threads)).toEqual([4, 8])
      await expect(execute(reference, [3], threads)).rejects.toBeInstanceOf(library.OddError)
    }
    await expect(execute(task(path, 'triple'), [1])).rejects.toThrow(
      /must export a function named 'triple'; received undefined \(functions it exports: double, OddError\)$/,
    )
  })

  it('is what its module has become, where a development server has evaluated that anew', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'amorsize-module-'))
    const path = join(folder, 'work.mjs')
    const threads = { mode: 'threads', workers: 1, mainThread: false } as const
    const written = async (version: number): Promise<{ work: () => number; other: () => number }> => {
      await writeFile(path, `export const work = () => ${version}; export const other = () => work() + 0.5`)
      return (await import(`${pathToFileURL(path).href}?${version}`)) as { work: () => number; other: () => number }
    }
    for (const version of [1, 2, 3]) {
      const { work, other } = await written(version)
      // Both are of the module that has been loaded anew; the text of the second is as it was.
      expect(await execute(task(path, work), [0, 0], threads)).toEqual([version, version])
      expect(await execute(task(path, other), [0], threads)).toEqual([version + 0.5])
      expect(await execute(task(path, work), [0], threads)).toEqual([version])
    }
    await rm(folder, { recursive: true })
  })

  it('is one task wherever it is named', async () => {
    const items = Array.from({ length: 50 }, (_, n) => ({ n }))
    await execute(task(typed, double), items)
    const plan = await optimize(task(typed, double), items)
    expect(plan.cacheHit).toBe(true)
  })

  it.each([
    [
      'a function without a name',
      [typed, () => 1],
      /^exported must have the name that its module exports it by, .* received a function without one$/,
    ],
    ['an empty name', [typed, ''], /^exported must have the name .* received "" \(string\)$/],
    ['no function', [typed, 5], 'exported must be a function or the name of one; received 5 (number)'],
    ['a relative URL', ['./typed.ts', double], /^url must be absolute/],
  ])('%s is refused', (_, args, message) => {
    expect(() => task(...(args as Parameters<typeof task>))).toThrow(TypeError)
    expect(() => task(...(args as Parameters<typeof task>))).toThrow(message)
  })

  it('a reference whose function is none is refused', async () => {
    const reference = { url: typed.href, export: 'double', signature: 'double' } as never
    await expect(execute(reference, [1])).rejects.toThrow(/^task\.signature must be a function; received "double"/)
  })
})
