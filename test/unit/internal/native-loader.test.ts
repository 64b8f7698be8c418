import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import stamp from '../../../native/binding/stamp.cjs'
import { hostTarget, pathOf, prebuilds } from '../../../scripts/support/prebuilds.mjs'
import { describeWithAddon, itWithAddon } from '../../support/native.js'

/** Puts the code as WebAssembly where a package in `folder` has it. */
function copyWasm(folder: string): void {
  cpSync(
    fileURLToPath(new URL('../../../native/wasm/core.cjs', import.meta.url)),
    join(folder, 'native', 'wasm', 'core.cjs'),
  )
}

const index = new URL('../../../dist/index.js', import.meta.url).href

/** A user who owns nothing. */
const NOBODY = 65_534

function tryAcquireUnder(wish: string): string {
  const script = `import(${JSON.stringify(index)}).then(({ RateLimiter }) => console.log(new RateLimiter().tryAcquire())).catch((error) => console.log(error.code, error.message))`
  return spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, AMORSIZE_NATIVE: wish },
  }).stdout
}

it('refuses an AMORSIZE_NATIVE that says nothing', () => {
  expect(tryAcquireUnder('banana')).toMatch(/^ERR_SHARED_MEMORY AMORSIZE_NATIVE must be 0 .* 1 .*; received "banana"/)
})

it('goes without the addon where AMORSIZE_NATIVE is 0', () => {
  expect(tryAcquireUnder('0')).toBe('true\n')
})

describe('a program that amorsize was joined into, away from its package', () => {
  const bundle = fileURLToPath(new URL('../../../dist/bundle', import.meta.url))
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-loader-'))
    cpSync(bundle, join(folder, 'a', 'b'), { recursive: true })
    copyWasm(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function runThere(wish: string) {
    const script = `
import { RateLimiter } from './a/b/index.js'
try { console.log(new RateLimiter({ requestsPerSecond: 1, burstSize: 1 }).tryAcquire(), new RateLimiter().tryAcquire()) }
catch (error) { console.log(error.code, error.message) }`
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, AMORSIZE_NATIVE: wish },
    })
  }

  it('decides without the addon, after one warning that names the cure', () => {
    const { stdout, stderr } = runThere('')
    expect(stdout).toBe('true true\n')
    expect(stderr.split('AMORSIZE_NO_ADDON')).toHaveLength(2)
    expect(stderr).toContain('--loader:.node=copy')
  })

  it('ends in an error of the package where AMORSIZE_NATIVE=1 asks for the addon', () => {
    expect(runThere('1').stdout).toMatch(/^ERR_SHARED_MEMORY AMORSIZE_NATIVE=1 asks for the native addon/)
  })
})

itWithAddon('advises --allow-addons under --permission, and takes the addon there', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const script = `import(${JSON.stringify(index)}).then(({ RateLimiter }) => console.log(new RateLimiter().tryAcquire()))`
  const permission = [Number(process.versions.node.split('.')[0]) >= 23 ? '--permission' : '--experimental-permission']
  const env = { ...process.env, AMORSIZE_NATIVE: '', NODE_OPTIONS: '' }
  const start = (flags: string[]) =>
    spawnSync(process.execPath, [...permission, `--allow-fs-read=${root}*`, ...flags, '-e', script], {
      encoding: 'utf8',
      env,
    })
  const refused = start([])
  expect(refused.stdout).toBe('true\n')
  expect(refused.stderr).toMatch(/AMORSIZE_NO_ADDON[^]*Under --permission add --allow-addons/)
  const tried = refused.stderr.match(/^Tried: .*$/gm) ?? []
  expect(tried[0]).toMatch(/disabled\.$/)
  expect([...new Set(tried)]).toEqual(tried)
  expect(tried.filter((line) => !/[^.]\.$/.test(line))).toEqual([])
  const allowed = start(['--allow-addons'])
  expect(allowed.stdout).toBe('true\n')
  expect(allowed.stderr).not.toContain('AMORSIZE_NO_ADDON')
})

describe('on a Node that is too old', () => {
  const bundle = new URL('../../../dist/bundle/', import.meta.url)
  const required = JSON.stringify(fileURLToPath(new URL('index.cjs', bundle)))
  const imported = JSON.stringify(new URL('http.js', bundle).href)
  const sentence = `amorsize needs Node 20.19 or later, or 22.3 or later of Node 22; this is Node ${process.versions.node}`
  /** Node 20.15 and older, 21, and 22.2 and older lack this function. */
  const start = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', 'data:text/javascript,process.getBuiltinModule=undefined', ...args], {
      encoding: 'utf8',
    })

  it.each([
    ['require', ['-e', `require(${required})`]],
    ['import', ['--input-type=module', '-e', `import ${imported}`]],
  ])('%s says which one is needed', (_, args) => {
    expect(start(...args).stderr).toContain(`\n\nError: ${sentence}\n`)
  })

  it('the command line says it in one line', () => {
    const { status, stdout, stderr } = start(fileURLToPath(new URL('cli.cjs', bundle)), 'top')
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `${sentence}\n` })
  })
})

it('is of the version that package.json names', async () => {
  const { VERSION } = (await import('../../../dist/internal/version.js')) as { VERSION: string }
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(VERSION).toBe(manifest.version)
})

it('fits the addon of the present sources', async () => {
  const { STAMP } = (await import('../../../dist/internal/stamp.js')) as { STAMP: string }
  expect(STAMP).toBe(stamp)
})

const places = [
  ['compiled in the package', join('build', 'Release', 'amorsize.node')],
  ['prebuilt', join('prebuilds', relative(prebuilds, pathOf(hostTarget)))],
]

describeWithAddon.each(places)('an addon, %s, that cannot be used', (_, place) => {
  const built = fileURLToPath(new URL('../../../build/Release/amorsize.node', import.meta.url))
  let folder: string
  let addon: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'amorsize-loader-'))
    // Another user must get there.
    chmodSync(folder, 0o755)
    copyWasm(folder)
    cpSync(fileURLToPath(new URL('../../../dist/bundle', import.meta.url)), join(folder, 'dist', 'bundle'), {
      recursive: true,
    })
    addon = join(folder, place)
    mkdirSync(dirname(addon), { recursive: true })
  })
  beforeEach(() => rmSync(addon, { recursive: true, force: true }))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const packaged = (): string => join(folder, 'dist', 'bundle', 'index.cjs')
  const script = (file: string) => `
const { RateLimiter } = require(${JSON.stringify(file)})
try { console.log(new RateLimiter({ requestsPerSecond: 1, burstSize: 1 }).tryAcquire()) }
catch (error) { console.log(error.code, error.message) }`

  const envWith = (wish: string) => ({ ...process.env, AMORSIZE_NATIVE: wish })

  function start(wish: string, uid?: number) {
    const user = uid === undefined ? {} : { uid, gid: uid }
    return spawnSync(process.execPath, ['-e', script(packaged())], { encoding: 'utf8', env: envWith(wish), ...user })
  }

  /** WebAssembly after one warning that names the cure, or an error where the addon is asked for: never the end of the process. */
  function expectWasmOf(begin: (wish: string) => SpawnSyncReturns<string>, said: string) {
    const warned = begin('')
    expect(warned).toMatchObject({ status: 0, stdout: 'true\n' })
    expect(warned.stderr.split('AMORSIZE_NO_ADDON')).toHaveLength(2)
    expect(warned.stderr).toContain(said)
    expect(warned.stderr).toContain('reinstall amorsize')
    const refused = begin('1')
    expect(refused.stdout).toMatch(/^ERR_SHARED_MEMORY AMORSIZE_NATIVE=1 asks for the native addon/)
    expect(refused.status).toBe(0)
  }
  const expectWasm = (said: string, uid?: number) => {
    expectWasmOf((wish) => start(wish, uid), said)
  }

  /** One that the system would map, with another text in place of one of its own. */
  const changed = (from: string, to: string) => {
    const bytes = whole()
    const at = bytes.indexOf(from)
    expect(at).toBeGreaterThan(0)
    bytes.write(to, at)
    return bytes
  }

  /** Where its header says which processor it is for, ELF, PE or Mach-O. */
  function forOtherProcessor() {
    const bytes = whole()
    const isX64 = process.arch === 'x64'
    if (onLinux) bytes.writeUInt16LE(isX64 ? 183 : 62, 18)
    else if (process.platform === 'win32') bytes.writeUInt16LE(isX64 ? 0xaa64 : 0x8664, bytes.readUInt32LE(0x3c) + 4)
    else bytes.writeUInt32LE(isX64 ? 0x0100000c : 0x01000007, 4)
    return bytes
  }

  const whole = () => readFileSync(built)
  const onLinux = process.platform === 'linux'
  const cases: [string, () => Buffer, string][] = [
    ['is empty', () => Buffer.alloc(0), onLinux ? 'is no ELF file' : 'amorsize.node'],
    ['is no program', () => Buffer.from('x'.repeat(1000)), onLinux ? 'is no ELF file' : 'amorsize.node'],
    ['is cut off where its code stands', () => whole().subarray(0, 60_000), onLinux ? 'is cut off' : 'amorsize.node'],
    [
      'is cut off in its last page',
      () => whole().subarray(0, whole().length - 200),
      onLinux ? 'is cut off' : 'amorsize.node',
    ],
    ['is for another processor', forOtherProcessor, onLinux ? 'is for another processor' : 'amorsize.node'],
    ['is of another version', () => changed('\0' + '0.1.0\0', '\0' + '0.0.9\0'), 'is of version "0.0.9"'],
    [
      'is of other sources',
      () => changed(stamp, '0'.repeat(16)),
      `from other sources than this JavaScript: ${'0'.repeat(16)}, not ${stamp}`,
    ],
  ]
  it.each(cases)('%s: WebAssembly or an error', (_, bytes, said) => {
    writeFileSync(addon, bytes())
    expectWasm(said)
  })

  it('is a folder: the same', () => {
    mkdirSync(addon)
    expectWasm('Tried: ')
  })

  // Windows has no such permission; root may read all, and whoever else cannot become another user.
  it.runIf(process.getuid !== undefined)('may not be read: the same', () => {
    writeFileSync(addon, whole(), { mode: 0 })
    expectWasm('ermission denied', process.getuid?.() === 0 ? NOBODY : undefined)
  })

  const mounting = ['--map-root-user', '--mount']
  const canMount = spawnSync('unshare', [...mounting, 'true']).status === 0
  it.runIf(canMount)('lies where nothing may be run (mount -o noexec): the same (needs unshare)', () => {
    const program = `
mount -t tmpfs -o noexec tmpfs ${dirname(addon)} && cp ${built} ${addon} && exec ${process.execPath} -e "$1"`
    const args = [...mounting, 'sh', '-c', program, 'sh', script(packaged())]
    expectWasmOf(
      (wish) => spawnSync('unshare', args, { encoding: 'utf8', env: envWith(wish) }),
      'failed to map segment',
    )
  })

  it('is another matter where it is whole: nothing is said', () => {
    writeFileSync(addon, whole())
    expect(start('1')).toMatchObject({ status: 0, stdout: 'true\n', stderr: '' })
  })
})
