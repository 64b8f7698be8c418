import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { execute, task } from 'amorsize'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const busy = 'const busy = (n) => { const end = performance.now() + 2; while (performance.now() < end); return n * 2 }'
// How many workers start is the scheduler's affair, and depends on the machine's load.
const program = `${busy}
let workers = 0
const results = await execute(busy, Array.from({ length: 200 }, (_, n) => n), { hooks: { onWorkerStart: () => workers++ } })
console.log(workers > 0 ? 'worker' : 'none', results.length, results[199])`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'amorsize-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs a program of its own; it must end by itself, well before the limit. */
async function output(args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 20_000 })
  return stdout
}

describe('a program that runs workers ends by itself', () => {
  it('as a module', async () => {
    const file = join(folder, 'program.mjs')
    await writeFile(
      file,
      `import { execute } from '${new URL('../../../dist/bundle/index.js', import.meta.url).href}'\n${program}`,
    )
    expect(await output([file])).toBe('worker 200 398\n')
  })

  it('by require()', async () => {
    const file = join(folder, 'program.cjs')
    await writeFile(
      file,
      `const { execute } = require(${JSON.stringify(join(root, 'dist/bundle/index.js'))})\n;(async () => { ${program} })()`,
    )
    expect(await output(['--no-warnings', file])).toBe('worker 200 398\n')
  })

  it('from the command line, whose options workers must not inherit', async () => {
    expect(await output(['--input-type=module', '-e', `import { execute } from 'amorsize'\n${program}`])).toBe(
      'worker 200 398\n',
    )
    expect(
      await output([
        '--input-type=module',
        '--import=data:text/javascript,globalThis.hooked=1',
        // Those are of a whole process, and Node refuses them for a worker.
        '--no-node-snapshot',
        '--no-opt',
        '-e',
        `import { execute } from 'amorsize'
      console.log(await execute(() => globalThis.hooked, [1, 2], { mode: 'threads', workers: 1, mainThread: false }))`,
      ]),
    ).toBe('[ 1, 1 ]\n')
  })

  it('after a run that failed while workers were busy', async () => {
    const source = `import { execute } from 'amorsize'
      const task = (item) => { if (item.n === 0) throw new Error('first'); for (;;); }
      await execute(task, [{ n: 0 }, { n: 1 }], { mode: 'threads', workers: 2, chunkSize: 1, mainThread: false }).catch((error) => console.log(error.message))`
    expect(await output(['--input-type=module', '-e', source])).toBe('first\n')
  })

  it('after a run whose worker died of what came last, though a test has stopped the clock', async () => {
    const source = `import { execute } from 'amorsize'
      globalThis.isHome = true
      const task = (n) => {
        const end = Date.now() + 50
        while (Date.now() < end);
        if (n > 0 && globalThis.isHome === undefined) process.exit(3)
        return n
      }
      const options = { mode: 'threads', workers: 2, retryCrashedItems: 0, onError: 'collect' }
      await execute(task, [0, 0, 0, 0], options)
      const now = performance.now()
      performance.now = () => now
      // On a busy machine this thread may have run them all before the worker comes, which is heard when the event loop turns.
      let crashed = false
      for (let i = 0; i < 20 && !crashed; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        const outcomes = await execute(task, [1, 2, 3, 4], options)
        crashed = outcomes.some(({ reason }) => reason?.name === 'WorkerCrashedError')
      }
      console.log(crashed)`
    expect(await output(['--input-type=module', '-e', source])).toBe('true\n')
  })

  it('after a run that a hook has aborted, as workers that were there joined it', async () => {
    const source = `import { execute } from 'amorsize'
      const options = { mode: 'threads', workers: 1, mainThread: false }
      await execute((n) => n, [1], options)
      const controller = new AbortController()
      const hooks = { onWorkerStart: () => controller.abort(new Error('enough')) }
      await execute((n) => n, [1], { ...options, hooks, signal: controller.signal }).catch((error) => console.log(error.message))
      console.log(await execute((n) => n, [1], options))`
    expect(await output(['--input-type=module', '-e', source])).toBe('enough\n[ 1 ]\n')
  })

  it.each([
    ['a reader who has gone', 'stream(double, items, options)[Symbol.asyncIterator]().next().then(() => undefined)'],
    [
      'a source that gives no more',
      'execute(double, (async function* () { yield 1; await new Promise(() => {}) })(), options)',
    ],
  ])('though its run waits for %s', async (_, waiting) => {
    const waits = `import { execute, stream } from 'amorsize'
      const double = (n) => 2 * n
      const items = Array.from({ length: 100_000 }, (_, n) => n)
      const options = { mode: 'threads', workers: 2, mainThread: false }
      ${waiting}
      process.on('exit', () => console.log('ended'))`
    expect(await output(['--input-type=module', '-e', waits])).toBe('ended\n')
  })

  it('that is its own worker module: the run is not started again in each worker', async () => {
    const { stdout, stderr } = await run(process.execPath, ['test/fixtures/tasks/starts-a-run.mjs'], {
      cwd: root,
      timeout: 20_000,
    })
    expect(stdout).toBe('400\n')
    expect(stderr).toContain("put 'if (isMainThread)' around it")
  })

  it('that is its own worker module and waits for itself: an error says so', async () => {
    const running = run(process.execPath, ['test/fixtures/tasks/starts-a-run.mjs', 'await'], {
      cwd: root,
      timeout: 20_000,
    })
    await expect(running).rejects.toThrow('awaits, as it is loaded, a run of a task that it exports itself')
  })
})

describe('a program does not end', () => {
  it('because an item of its first run rejects while more of the package is loaded', async () => {
    const source = `import { execute } from 'amorsize'
      await execute(async (n) => { throw new Error('no ' + n) }, [1, 2]).catch((error) => console.log(error.message))`
    expect(await output(['--input-type=module', '-e', source])).toBe('no 1\n')
  })

  it.skipIf(process.platform === 'win32')(
    'because it has no file descriptor left to load more of the package, which its runs can do without',
    async () => {
      const source = `import { execute } from 'amorsize'
      import { openSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      ${busy}
      const items = Array.from({ length: 100 }, (_, n) => n)
      // The scheduler itself is read at the first call.
      await execute(busy, [1])
      try { for (;;) openSync('/dev/null') } catch (error) { if (error.code !== 'EMFILE') throw error }
      let beats = 0
      const heart = setInterval(() => beats++, 1)
      for (let i = 0; i < 2; i++) console.log((await execute(busy, items)).length)
      clearInterval(heart)
      console.log(beats > 10)
      await setTimeout(10)`
      const file = join(folder, 'descriptors.mjs')
      await writeFile(
        file,
        source.replace("'amorsize'", `'${new URL('../../../dist/bundle/index.js', import.meta.url).href}'`),
      )
      const { stdout } = await run('sh', ['-c', `ulimit -n 64 && exec "${process.execPath}" "${file}"`], {
        timeout: 20_000,
      })
      // Between the items the program goes on.
      expect(stdout).toBe('100\n100\ntrue\n')
    },
  )

  it('because it has brought a document along, as programs that render pages do', async () => {
    const file = join(folder, 'document.cjs')
    await writeFile(file, "globalThis.document = { currentScript: null, baseURI: 'about:blank' }")
    const source = `import { execute } from 'amorsize'
      console.log(await execute((n) => n * 2, [1, 2, 3], { mode: 'threads', workers: 1, mainThread: false }))`
    expect(await output(['--require', file, '--input-type=module', '-e', source])).toBe('[ 2, 4, 6 ]\n')
  })

  it('because items cannot be read any more after their run', async () => {
    const source = `import { execute } from 'amorsize'
      import { setTimeout } from 'node:timers/promises'
      ${busy}
      for (const options of [{ mode: 'serial' }, {}]) {
        const { proxy, revoke } = Proxy.revocable([1, 2, 3, 4], {})
        console.log(await execute(busy, proxy, options))
        revoke()
        await setTimeout(10)
      }`
    expect(await output(['--input-type=module', '-e', source])).toBe('[ 2, 4, 6, 8 ]\n[ 2, 4, 6, 8 ]\n')
  })
})

it('a run inside a worker shares its budget', async () => {
  const nested = task<number, { isMainThread: boolean; mode: string; count: number }>(
    new URL('../../fixtures/tasks/nested.mjs', import.meta.url),
    'nested',
  )
  const results = await execute(nested, [1, 2], { mode: 'threads', workers: 1, mainThread: false })
  for (const result of results) expect(result).toMatchObject({ isMainThread: false, mode: 'serial', count: 50 })
})

it('what keeps failing in workers is run in this thread on request', async () => {
  const degraded: number[] = []
  const onlyHere = task<object>(new URL('../../fixtures/tasks/faults.mjs', import.meta.url), 'failsInWorkers')
  const results = await execute(onlyHere, [{ n: 1 }, { n: 2 }], {
    mode: 'threads',
    workers: 1,
    mainThread: false,
    degrade: 'serial',
    onDegraded: ({ index }) => degraded.push(index),
  })
  expect(results).toEqual([1, 2])
  expect(degraded).toEqual([1])
})

describe('a task whose module cannot be imported', () => {
  it('is refused by its own name; what it imports in vain itself comes through', async () => {
    const file = join(folder, 'imports-nothing.mjs')
    await writeFile(file, "export { nothing } from './nothing.mjs'\n")
    const refused = join(folder, 'refused.mjs')
    await writeFile(
      refused,
      `import { execute } from '${new URL('../../../dist/bundle/index.js', import.meta.url).href}'
for (const name of ['nowhere.mjs', 'imports-nothing.mjs']) {
  const url = new URL(name, import.meta.url).href
  try { await execute({ url, export: 'nothing' }, [1]) } catch ({ name, code, message, cause }) { console.log(JSON.stringify([name, code, message, cause?.code])) }
}`,
    )
    const [missing, inner] = (await output([refused]))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as string[])
    expect(missing).toEqual([
      'TypeError',
      null,
      expect.stringMatching(/^the task's module does not exist: file:.*\/nowhere\.mjs$/),
      'ERR_MODULE_NOT_FOUND',
    ])
    expect(inner).toEqual(['Error', 'ERR_MODULE_NOT_FOUND', expect.stringContaining('nothing.mjs'), null])
  })
})

it('a run whose workers cannot be asked for fails with the reason, and does not wait for ever', async () => {
  const asks = `import { execute } from 'amorsize'
    await execute((n) => n, [1, 2], { mode: 'threads' }).catch(({ message }) => console.log(message))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', asks], {
    cwd: root,
    timeout: 20_000,
    env: { ...process.env, AMORSIZE_NATIVE: '2' },
  })
  expect(stdout).toMatch(/^AMORSIZE_NATIVE must be 0/)
})
