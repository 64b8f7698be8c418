import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }

const bundle = fileURLToPath(new URL('../../../dist/bundle', import.meta.url))

describe('a program that a bundler has made without that of its workers', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-worker-program-'))
    cpSync(bundle, join(folder, 'a', 'b'), { recursive: true, filter: (path) => !path.endsWith('execute-worker.cjs') })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs 40 items of 20 ms each, which are worth workers; the task stands in a module, for which no worker need look what it captures. */
  function runThere(options: string) {
    const script = `
export function slow(n) { for (const end = performance.now() + 20; performance.now() < end; ); return n * 2 }
const { execute, task } = await import(${JSON.stringify(pathToFileURL(join(folder, 'a', 'b', 'index.js')).href)})
const url = 'data:text/javascript,' + encodeURIComponent('export ' + slow)
try { console.log(JSON.stringify((await execute(task(url, 'slow'), Array.from({ length: 40 }, (_, i) => i), ${options})).at(-1))) }
catch (error) { console.log(error.code, error.message) }`
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, AMORSIZE_NATIVE: '0' },
    })
  }

  it('is refused under mode "threads", with what to tell the bundler', () => {
    const { stdout } = runThere(`{ mode: 'threads', workers: 2, mainThread: false }`)
    expect(stdout).toMatch(
      /^ERR_EXECUTION no worker thread can be started: a bundler has joined amorsize into this program, and .*b holds no program for workers: mark amorsize as external, or add 'amorsize\/worker' as an entry point .*platforms\.md#worker-threads-in-a-bundle\n$/,
    )
  })

  it('runs in its own thread where workers are not asked for, after one warning', () => {
    const { stdout, stderr } = runThere(`{ prefer: 'threads' }`)
    expect(stdout).toBe('78\n')
    expect(stderr.split('AMORSIZE_NO_WORKERS')).toHaveLength(2)
    expect(stderr).toContain("add 'amorsize/worker' as an entry point")
  })

  it('refuses one of another version, which an older build or an update has left there', () => {
    const program = readFileSync(join(bundle, 'execute-worker.cjs'), 'utf8')
    writeFileSync(join(folder, 'a', 'b', 'execute-worker.cjs'), program.replace(`"${manifest.version}"`, '"0.0.1"'))
    const { stdout } = runThere(`{ mode: 'threads', workers: 2, mainThread: false }`)
    expect(stdout).toBe(
      `ERR_EXECUTION no worker thread can be started: the program of workers is of amorsize 0.0.1, and what starts it of ${manifest.version}: build both anew, or restart what was updated while it ran\n`,
    )
  })
})

it('is found beside the program where a bundler, as Bun does, has put the place of the package into __filename', () => {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-worker-program-'))
  try {
    cpSync(bundle, folder, { recursive: true })
    for (const name of readdirSync(folder).filter((name) => name.startsWith('bundler-'))) {
      const part = readFileSync(join(folder, name), 'utf8')
      writeFileSync(join(folder, name), `const __filename = '/where/it/was/built/${name}'\n${part}`)
    }
    const script = `
const { execute, task } = await import(${JSON.stringify(pathToFileURL(join(folder, 'index.bundler.js')).href)})
const twice = task('data:text/javascript,export const twice = (n) => n * 2', 'twice')
console.log(JSON.stringify(await execute(twice, [1, 2], { mode: 'threads', workers: 1, mainThread: false })))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, AMORSIZE_NATIVE: '0' },
    })
    expect(stdout).toBe('[2,4]\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it('is named for what it is where it is imported', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(bundle, 'execute-worker.cjs')], { encoding: 'utf8' })
  expect(status).not.toBe(0)
  expect(stderr).toContain('an entry point for bundlers, not to be imported')
})

it('needs no more of the global performance than the time: Bun and Deno have no more, nor have the fake ones of a task', () => {
  const script = `
const { execute } = await import(${JSON.stringify(pathToFileURL(join(bundle, 'index.js')).href)})
const sparse = ({ n }) => {
  const own = performance
  globalThis.performance = { now: () => own.now() }
  return { n }
}
const items = Array.from({ length: 4 }, (_, n) => ({ n }))
let ended = 0
const options = { mode: 'threads', workers: 1, mainThread: false, hooks: { onWorkerExit: () => ended++ } }
console.log(JSON.stringify(await execute(sparse, items, options)), ended)`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stdout).toBe('[{"n":0},{"n":1},{"n":2},{"n":3}] 0\n')
})
