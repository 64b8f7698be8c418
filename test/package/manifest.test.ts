import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mostUnpackedBytes } from '../../scripts/support/packed.mjs'
import { itWithAddon } from '../support/native.js'
import { type Tarball, install, mustRun, pack, removeFolder, root, run, temporaryFolder } from './project.js'

let folder: string
let project: string
let tarball: Tarball

beforeAll(async () => {
  folder = await temporaryFolder()
  project = join(folder, 'project')
  tarball = await pack(folder)
  await install(tarball, project)
}, 120_000)
afterAll(() => removeFolder(folder))

it('unpacks to at most 4 MB', () => {
  expect(tarball.unpackedSize).toBeLessThanOrEqual(mostUnpackedBytes)
})

it('holds what it needs and nothing of the tests, the benchmarks or the sources in TypeScript', () => {
  const paths = tarball.files.map((file) => file.path)
  expect(paths).toEqual(
    expect.arrayContaining([
      'package.json',
      'README.md',
      'LICENSE',
      'dist/native.tgz',
      'dist/bundle/index.js',
      'dist/bundle/index.cjs',
      'dist/bundle/execute-worker.cjs',
      'dist/types/index.d.ts',
      'dist/types/index.d.cts',
    ]),
  )
  const strange = paths.filter(
    (path) =>
      !/^(dist\/(bundle|types)|prebuilds)\/|^(package\.json|README\.md|LICENSE|dist\/native\.tgz|native\/wasm\/core\.cjs)$/.test(
        path,
      ),
  )
  expect(strange).toEqual([])
})

itWithAddon('holds the prebuild of this platform, stripped', async () => {
  const paths = tarball.files.map((file) => file.path)
  const ours = paths.find(
    (path) => path.startsWith(`prebuilds/${process.platform}-${process.arch}/`) && path.endsWith('.node'),
  )
  expect(ours).toBeDefined()
  expect((await readFile(join(root, ours!))).includes('.symtab')).toBe(false)
})

it('shows a few lines of code where an error is not caught, and not a whole file', async () => {
  const program = "import { RateLimiter } from 'amorsize'; new RateLimiter({ requestsPerSecond: -1 })"
  const { code, stderr } = await run(process.execPath, ['--input-type=module', '-e', program], project)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('RangeError: requestsPerSecond must be') as unknown,
  })
  expect(stderr.length).toBeLessThan(5000)
})

it('is ASCII throughout, which V8 keeps in one byte a letter', async () => {
  const folder = join(project, 'node_modules', 'amorsize', 'dist', 'bundle')
  const isBeyond = async (name: string) => (await readFile(join(folder, name))).some((byte) => byte > 127)
  const code = (await readdir(folder)).filter((name) => /\.c?js$/.test(name))
  const beyond = await Promise.all(code.map(async (name) => ((await isBeyond(name)) ? [name] : [])))
  expect(beyond.flat()).toEqual([])
})

it('names the lines of TypeScript in stacks, by maps that hold no sources', async () => {
  const program = `
    const { RateLimiter } = require('amorsize')
    try { new RateLimiter({ requestsPerSecond: -1 }) } catch (error) { console.log(error.stack) }`
  const map = await readFile(join(project, 'node_modules', 'amorsize', 'dist', 'bundle', 'index.cjs.map'), 'utf8')
  expect(JSON.parse(map)).not.toHaveProperty('sourcesContent')
  const stack = await mustRun(process.execPath, ['--enable-source-maps', '-e', program], project)
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const place = `https://raw.githubusercontent.com/amorsize/amorsize-node/v${version}/`
  const frames = [...stack.matchAll(/at (?:new |\w+\.)?(\w+) \((https:.*?):(\d+):\d+\)/g)]
  expect(frames.length).toBeGreaterThanOrEqual(3)
  for (const [at, [frame, , url = '', line]] of frames.entries()) {
    expect(url).toContain(place)
    const source = (await readFile(join(root, url.slice(place.length)), 'utf8')).split('\n')[Number(line) - 1]
    // Each frame stands where the one above it was called, the first where the error was made.
    expect(source, frame).toContain(frames[at - 1]?.[1] ?? 'RangeError(')
  }
})

it('has at most four dependencies and runs nothing when it is installed', async () => {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'scripts',
    Record<string, string>
  >
  expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(4)
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(manifest.scripts).not.toHaveProperty(hook)
})

it('satisfies publint --strict', async () => {
  const ended = await run(
    process.execPath,
    [join(root, 'node_modules', 'publint', 'src', 'cli.js'), tarball.path, '--strict'],
    root,
  )
  expect(ended, ended.stdout).toMatchObject({ code: 0 })
  expect(ended.stdout).toContain('All good')
})

it('has types that resolve in every mode, by import and by require (attw)', async () => {
  const cli = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
  // JSON: what it draws for people depends on the width of their terminal.
  const ended = await run(process.execPath, [cli, tarball.path, '--format', 'json'], root)
  expect(ended, ended.stdout).toMatchObject({ code: 0 })
  const { analysis } = JSON.parse(ended.stdout) as {
    analysis: { entrypoints: Record<string, { resolutions: Record<string, { resolution?: unknown }> }> }
  }
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  expect(Object.keys(analysis.entrypoints).sort()).toEqual(Object.keys(manifest.exports).sort())
  for (const { resolutions } of Object.values(analysis.entrypoints)) {
    for (const kind of ['node10', 'node16-cjs', 'node16-esm', 'bundler'])
      expect(resolutions[kind]?.resolution).toBeDefined()
  }
})

it('type-checks in a strict project that knows nothing of Node', async () => {
  const source = `import { RateLimiter, withRateLimit, type RateLimitPolicy } from 'amorsize'
const policy: Partial<RateLimitPolicy> = { requestsPerSecond: 10 }
const limiter = new RateLimiter(policy)
const taken: boolean = limiter.tryAcquire()
export const call: (id: number) => Promise<string> = withRateLimit({ requestsPerSecond: 5 })((id: number) => String(id) + String(taken))
`
  await writeFile(join(project, 'consumer.ts'), source)
  const flags = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noEmit',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2022,dom',
  ]
  const ended = await run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...flags, 'consumer.ts'],
    project,
  )
  expect(ended.stdout).toBe('')
  expect(ended.code).toBe(0)
})

it('loads none of the optional peers', async () => {
  const peers = [
    'ioredis',
    'redis',
    'bullmq',
    'undici',
    'prom-client',
    'fastify',
    'express',
    'hono',
    '@opentelemetry/api',
    '@valkey/valkey-glide',
  ]
  for (const name of peers) {
    const path = join(project, 'node_modules', name)
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await writeFile(join(path, 'index.js'), `(globalThis.loadedPeers ??= []).push(${JSON.stringify(name)})`)
  }
  const program = `await import('amorsize'); console.log(JSON.stringify(globalThis.loadedPeers ?? []))`
  expect(await mustRun(process.execPath, ['--input-type=module', '-e', program], project)).toBe('[]\n')
  // The trap must work, or the line above would say nothing.
  expect(
    await mustRun(process.execPath, ['--input-type=module', '-e', program.replace("'amorsize'", "'ioredis'")], project),
  ).toBe('["ioredis"]\n')
})

it('reads the scheduler at the first call that needs it, and keeps what that call promises at once', async () => {
  const program = (load: string) => `
    const cache = Object.keys.bind(null, require.cache)
    const hasScheduler = () => cache().some((path) => path.endsWith('scheduler.cjs'))
    ${load}.then(async ({ execute, stream, optimize, task }) => {
      const before = hasScheduler()
      const refusals = [() => stream((n) => n, 1), () => stream((n) => n, [1], { ordered: 1 }), () => stream({}, [1])].map((call) => {
        try { call() } catch (error) { return error.name }
      })
      const ran = []
      const all = execute((n) => ran.push(n), [1, 2])
      const within = ran.length
      const reading = stream((n) => n, [3])[Symbol.asyncIterator] !== undefined
      const promises = [execute(1, []), execute((n) => n, [1], { workers: 0 }), optimize((n) => n, 1)].map((each) => each.catch((error) => error.name))
      console.log(JSON.stringify({
        before, refusals, within, reading, after: hasScheduler(), results: await all, rejections: await Promise.all(promises),
        lengths: [execute.length, stream.length, optimize.length], names: [execute.name, stream.name, optimize.name],
      }))
    })`
  for (const load of ["import('amorsize')", "Promise.resolve(require('amorsize'))"])
    expect(JSON.parse(await mustRun(process.execPath, ['-e', program(load)], project))).toEqual({
      before: false,
      refusals: ['TypeError', 'TypeError', 'TypeError'],
      within: 2,
      reading: true,
      after: true,
      results: [1, 2],
      rejections: ['TypeError', 'RangeError', 'TypeError'],
      lengths: [3, 3, 3],
      names: ['execute', 'stream', 'optimize'],
    })
})

it('has one state and the same classes, whichever entries a program mixes', async () => {
  const program = `
    import * as all from 'amorsize'
    import * as limits from 'amorsize/limiter'
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    const [allRequired, limitsRequired] = [require('amorsize'), require('amorsize/limiter')]
    const differing = Object.keys(limits).filter((name) => [all, allRequired, limitsRequired].some((entry) => entry[name] !== limits[name]))
    const policy = { name: 'entries', requestsPerSecond: 1e-6, burstSize: 3 }
    const taken = [all, limits, allRequired, limitsRequired].map(({ RateLimiter }) => new RateLimiter(policy).tryAcquire())
    const { FakeClock } = await import('amorsize/testing')
    const onClock = new limits.RateLimiter({ requestsPerSecond: 1, burstSize: 1, clock: new FakeClock() })
    const failed = await all.execute(() => onClock.acquire(1, { maxWaitMs: 0 }), [1, 2], { onError: 'collect' })
    console.log(JSON.stringify({
      names: Object.keys(limits).join(' '), differing, taken,
      isOurs: failed[1].reason instanceof limits.RateLimitExceeded && failed[1].reason instanceof allRequired.AmorsizeError,
    }))`
  expect(JSON.parse(await mustRun(process.execPath, ['--input-type=module', '-e', program], project))).toEqual({
    names:
      'AmorsizeError KeyedRateLimiter KeyedWindow Lease RateLimitExceeded RateLimiter RateLimiterAll SharedMemoryError',
    differing: [],
    taken: [true, true, true, false],
    isOurs: true,
  })
})

it('reads no policy for `amorsize/limiter`, and neither limits nor policies for `amorsize/testing`', async () => {
  const bytes = async (entry: string) => {
    const program = `
      import { createRequire } from 'node:module'
      import { statSync } from 'node:fs'
      await import('${entry}')
      console.log(Object.keys(createRequire(import.meta.url).cache).reduce((sum, path) => sum + statSync(path).size, 0))`
    return Number(await mustRun(process.execPath, ['--input-type=module', '-e', program], project))
  }
  const [all = 0, limits = 0, testing = 0] = await Promise.all(
    ['amorsize', 'amorsize/limiter', 'amorsize/testing'].map(bytes),
  )
  expect(limits).toBeLessThan(0.6 * all)
  expect(testing).toBeLessThan(0.35 * limits)
  expect(testing).toBeGreaterThan(10_000)
})

it('loads modules of Node that few need only with what needs them', async () => {
  const program = `
    const all = () => process.moduleLoadList.filter((name) => /^NativeModule (worker_threads|diagnostics_channel|v8|vm|zlib|os|crypto)$/.test(name)).sort()
    const own = new Set(all()) // of Node itself, which from 22 on begins with diagnostics_channel
    const loaded = () => all().filter((name) => !own.has(name))
    const { execute } = await import('amorsize')
    const imported = loaded()
    await execute((n) => n, [1, 2])
    const looped = loaded()
    await execute((n) => n, [1, 2], { mode: 'threads', workers: 1, mainThread: false })
    console.log(JSON.stringify({ imported, looped, threaded: loaded().includes('NativeModule worker_threads') }))`
  const seen = JSON.parse(await mustRun(process.execPath, ['--input-type=module', '-e', program], project)) as {
    imported: string[]
    looped: string[]
  }
  expect(seen).toEqual({ imported: [], looped: [], threaded: true })
})

it('is imported much faster than its files one by one', async () => {
  await writeFile(join(project, 'first.mjs'), 'export {}\n')
  const bundled = await mustRun(process.execPath, ['-p', "require.resolve('amorsize')"], project)
  const importMs = async (file: string): Promise<number> => {
    const program = `
      await import('./first.mjs')
      const start = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)})
      console.log(performance.now() - start)`
    return Number(await mustRun(process.execPath, ['--input-type=module', '-e', program], project))
  }
  // In turns, and the fastest of each: both see the same machine, however busy it is.
  const timesMs = { bundled: Infinity, files: Infinity }
  for (let i = 0; i < 7; i++) {
    timesMs.bundled = Math.min(timesMs.bundled, await importMs(bundled.trim()))
    timesMs.files = Math.min(timesMs.files, await importMs(join(root, 'dist', 'index.js')))
  }
  expect(timesMs.bundled).toBeLessThan(0.6 * timesMs.files)
})
