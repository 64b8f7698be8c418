// Programs that run CommonJS by themselves, as Jest and those that are packed into one file do, have no `import()`.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Script } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

type Package = typeof import('amorsize')

const bundle = join(import.meta.dirname, '../../..', 'dist', 'bundle')
const requireOfNode = createRequire(import.meta.url)
const loaded = new Map<string, { exports: unknown }>()

/** Loads a file of CommonJS and those beside it by `vm`, which gives them no `import()`. */
function load(file: string): unknown {
  let module = loaded.get(file)
  if (module !== undefined) return module.exports
  loaded.set(file, (module = { exports: {} }))
  const require = (id: string): unknown =>
    id.startsWith('.') && id.endsWith('.cjs') ? load(join(dirname(file), id)) : requireOfNode(id)
  const code = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`
  const run = new Script(code, { filename: file }).runInThisContext() as (...args: unknown[]) => void
  run(module.exports, Object.assign(require, requireOfNode), module, file, dirname(file))
  return module.exports
}

describe('a program without import()', () => {
  const { execute, optimize, task } = load(join(bundle, 'index.cjs')) as Package
  let folder: string
  const write = (name: string, code: string): string => {
    const file = join(folder, name)
    writeFileSync(file, code)
    return file
  }
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-without-import-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it('is what is tried here', async () => {
    const program = load(write('imports.cjs', `exports.imports = () => import('node:fs')`))
    await expect((program as { imports: () => unknown }).imports()).rejects.toMatchObject({
      code: 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING',
    })
  })

  it('runs tasks by modules of CommonJS, and what these throw comes as it is', async () => {
    const url = pathToFileURL(
      write(
        'task.cjs',
        `class Odd extends Error {}
         module.exports = (n) => -n
         module.exports.double = (n) => 2 * n
         module.exports.Odd = Odd
         module.exports.onlyEven = (n) => { if (n % 2) throw new Odd('odd'); return n }`,
      ),
    )
    expect(await execute(task(url, 'double'), [1, 2])).toEqual([2, 4])
    expect(await execute(task(url), [1, 2])).toEqual([-1, -2])
    expect(await execute(task(url, 'double'), [1, 2], { mode: 'threads', mainThread: false })).toEqual([2, 4])
    const { Odd } = requireOfNode(join(folder, 'task.cjs')) as { Odd: new () => Error }
    await expect(execute(task(url, 'onlyEven'), [1])).rejects.toBeInstanceOf(Odd)
    expect((await optimize(task(url, 'double'), [1, 2])).mode).toBe('serial')
  })

  it('takes a module whose exports are no object', async () => {
    await expect(execute(task(write('null.cjs', 'module.exports = null')), [1])).rejects.toThrow(
      /must export a function named 'default'; received null/,
    )
  })

  it('says what is wrong with a module that is missing, or throws', async () => {
    await expect(execute(task(join(folder, 'missing.cjs')), [1])).rejects.toThrow(/missing\.cjs/)
    const broken = write('broken.cjs', `throw new RangeError('while it loads')`)
    await expect(execute(task(broken), [1])).rejects.toThrow('while it loads')
    await expect(execute(task('data:text/javascript,export default (n) => n'), [1])).rejects.toMatchObject({
      code: 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING',
    })
  })

  it('requires an ES module', async () => {
    expect(await execute(task(write('task.mjs', 'export default (n) => 2 * n')), [1])).toEqual([2])
  })

  it('requires what require alone has been taught to load, in workers too', async () => {
    const teacher = write(
      'teacher.cjs',
      `require.extensions['.doubling'] = (module, file) => module._compile('exports.double = (n) => 2 * n', file)`,
    )
    const module = write('task.doubling', 'no JavaScript')
    const program = write(
      'program.cjs',
      `const { execute, task } = require(${JSON.stringify(join(bundle, 'index.cjs'))})
       const run = (options) => execute(task(${JSON.stringify(module)}, 'double'), [1, 2], options)
       const threads = { mode: 'threads', mainThread: false }
       Promise.all([run({}), run(threads)]).then((results) => console.log(JSON.stringify(results)), (error) => console.log(error.message))`,
    )
    const print = async (...args: string[]): Promise<string> =>
      (await promisify(execFile)(process.execPath, [...args, program])).stdout.trim()
    expect(await print('-r', teacher)).toBe('[[2,4],[2,4]]')
    expect(await print()).toMatch(/Unknown file extension ".doubling"/)
  })

  it('finds BullMQ', async () => {
    const { serveTasks } = load(join(bundle, 'bullmq.cjs')) as typeof import('amorsize/bullmq')
    const nothing = write('nothing.cjs', 'exports.double = (n) => 2 * n')
    const connection = { host: '127.0.0.1', port: 1, maxRetriesPerRequest: null, retryStrategy: () => null }
    const failed = serveTasks({ connection, queue: 'none', tasks: [nothing] })
    await expect(failed).rejects.not.toThrow(/package 'bullmq' is needed/)
  })
})
