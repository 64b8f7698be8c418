import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pathOf } from '../../scripts/support/prebuilds.mjs'
import { addonForbidden, describeWithAddon, itWithAddon } from '../support/native.js'
import { hasServer } from '../support/redis-server.js'
import {
  type Tarball,
  copyWithoutPrebuilds,
  install,
  installArm64Node,
  installNodeVersions,
  mustRun,
  nodeVersions,
  pack,
  removeFolder,
  root,
  run,
  temporaryFolder,
} from './project.js'

// Installing four versions of Node takes a minute on a slow line; later runs find them in .cache/.
const slowMs = 300_000

let folder: string
/** The installed package, and a copy of it that has no prebuilt addon. */
let project: string
let tarball: Tarball
let withoutPrebuilds: string
let programs: Map<string, string>

beforeAll(async () => {
  folder = await temporaryFolder()
  project = join(folder, 'project')
  withoutPrebuilds = join(folder, 'without-prebuilds')
  tarball = await pack(folder)
  await install(tarball, project)
  for (const name of ['consumer.mjs', 'consumer.cjs', 'report.cjs'])
    await cp(join(root, 'test', 'fixtures', 'package', name), join(project, name))
  if (!addonForbidden) await copyWithoutPrebuilds(project, withoutPrebuilds)
  programs = await installNodeVersions()
}, slowMs)
afterAll(() => removeFolder(folder))

const expected = { decisions: [true, true, false], wrapped: 42, errorIsOurs: true }

describe.each(nodeVersions)('the installed package on Node %s', (version) => {
  const program = () => programs.get(version)!

  describe.each(['consumer.mjs', 'consumer.cjs'])('%s', (consumer) => {
    it('works without the addon when AMORSIZE_NATIVE=0 forbids it, and does not warn', async () => {
      const ended = await run(program(), [consumer], project, { AMORSIZE_NATIVE: '0' })
      expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: 'wasm' })
      expect(ended.stderr).not.toContain('AMORSIZE_NO_ADDON')
    })

    describeWithAddon('with the addon allowed', () => {
      it('loads the prebuilt addon', async () => {
        const ended = await run(program(), [consumer], project)
        expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: 'addon' })
        expect(ended.stderr).not.toContain('AMORSIZE_NO_ADDON')
      })

      it('ends well where threads of the program alone have used it', async () => {
        const task = consumer.endsWith('.cjs') ? "require('amorsize')" : "await import('amorsize')"
        const body = `(async () => { const { execute } = ${task}; await execute((x) => x, [1, 2], { mode: 'threads', workers: 1 }) })()`
        const file = `in-thread-${consumer}`
        await writeFile(join(project, file), body)
        const start = `new (require('node:worker_threads').Worker)('./${file}')`
        expect(await run(program(), ['-e', start], project)).toMatchObject({ code: 0, stderr: '' })
      })

      it('loads it for several copies of the package in one program, which share a name', async () => {
        const copies = ['copy-1', 'copy-2', 'copy-3']
        for (const copy of copies)
          await cp(join(project, 'node_modules', 'amorsize'), join(project, 'node_modules', copy), { recursive: true })
        const all = JSON.stringify(['amorsize', ...copies])
        const taken = `${all}.map((copy) => new (require(copy).RateLimiter)({ name: 'several copies', requestsPerSecond: 1e-6, burstSize: 2 }).tryAcquire())`
        const ended = await run(program(), ['-p', `JSON.stringify(${taken})`], project)
        expect(ended).toMatchObject({ stdout: '[true,true,false,false]\n', stderr: '' })
      })

      it('loads it where the global object is frozen', async () => {
        await writeFile(join(project, 'freeze.cjs'), 'Object.freeze(globalThis)')
        const ended = await run(program(), ['--require', './freeze.cjs', consumer], project)
        expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: 'addon' })
        expect(ended.stderr).toBe('')
      })

      it('warns and works without the addon when the prebuild is missing', async () => {
        const ended = await run(program(), [consumer], withoutPrebuilds)
        expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: 'wasm' })
        expect(ended.stderr).toContain('AMORSIZE_NO_ADDON')
        expect(ended.stderr).toContain('npx node-gyp rebuild')
      })
    })
  })
})

// Windows keeps neither npm nor Node as a file that a link can stand for.
it.runIf(process.platform !== 'win32')(
  'is installed and works where PATH holds Node and npm and nothing else',
  async () => {
    const bare = join(folder, 'bare')
    const path = join(folder, 'path')
    await mkdir(path)
    await symlink(process.execPath, join(path, 'node'))
    await symlink((await mustRun('which', ['npm'], folder)).trim(), join(path, 'npm'))
    await install(tarball, bare, { PATH: path })
    await cp(join(root, 'test', 'fixtures', 'package', 'consumer.mjs'), join(bare, 'consumer.mjs'))
    await cp(join(root, 'test', 'fixtures', 'package', 'report.cjs'), join(bare, 'report.cjs'))
    const ended = await run('node', ['consumer.mjs'], bare, { PATH: path, ...envOfThisRun() })
    expect(ended.stderr).toBe('')
    expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: addonForbidden ? 'wasm' : 'addon' })
  },
)

const qemu = ['/usr/bin/qemu-aarch64', '/usr/bin/qemu-aarch64-static'].find((path) => existsSync(path))
const arm64Libraries = '/usr/aarch64-linux-gnu'
const canRunArm64 =
  !addonForbidden && qemu !== undefined && existsSync(arm64Libraries) && existsSync(pathOf('linux-arm64'))

describe('the prebuild for linux-arm64', () => {
  it.skipIf(!canRunArm64)(
    'loads and decides under qemu',
    async () => {
      const ended = await run(qemu!, ['-L', arm64Libraries, await installArm64Node(), 'consumer.mjs'], project)
      expect(JSON.parse(ended.stdout)).toEqual({ ...expected, source: 'addon' })
    },
    slowMs,
  )
})

describe('what the documentation shows', () => {
  for (const name of readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.mjs'))) {
    // Only the addon has tables of names that worker threads, or other processes, can look into, and lists those of the machine.
    const sharing =
      /^(database|quick-start|redis-limit|shared-breaker|shared-by-name|.*cluster|login-guard|model-sdk|nest)\.mjs$/.test(
        name,
      )
    const packages = packagesOf(join(root, 'examples', name))
    const missing = packages.filter((each) => folderOf(each) === undefined)
    const lacksServer =
      /^(redis-limit|queue-map|queue-million)\.mjs$/.test(name) && !hasServer('redis') && !hasServer('valkey')
    // It reads docs/monitoring, which is not in the package.
    const needsClone = name === 'monitoring.mjs'
    const test = missing.length > 0 || lacksServer || needsClone ? it.skip : sharing ? itWithAddon : it
    const needs = lacksServer
      ? ' (needs redis-server or valkey-server)'
      : needsClone
        ? " (needs a clone and Debian's prometheus)"
        : missing.length > 0
          ? ` (needs ${missing.join(', ')}: npm ci, also in test/field)`
          : ''
    test(`runs examples/${name}${needs}`, async () => {
      await cp(join(root, 'examples', name), join(project, name))
      for (const each of packages) await linkPackage(each)
      const args = [name, ...(name === 'queue-million.mjs' ? ['100000'] : [])]
      let ended = await run(process.execPath, args, project, envOfThisRun())
      // What another version has left on the machine is refused, with the command that removes it.
      const removal = /^SharedMemoryError: .* another layout; .*'amorsize (shm remove .*)' removes it$/m.exec(
        ended.stderr,
      )?.[1]
      if (removal !== undefined) {
        await mustRun(process.execPath, ['node_modules/amorsize/dist/bundle/cli.cjs', ...removal.split(' ')], project)
        ended = await run(process.execPath, args, project, envOfThisRun())
      }
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).not.toBe('')
      // What this one prints is a promise.
      if (name === 'model-api.mjs') {
        const served = /twice the load.* ([\d.]+) % of the token rate served/.exec(ended.stdout)?.[1]
        expect(Number(served)).toBeGreaterThanOrEqual(99)
      }
    })
  }

  it('gives the command line under its name', async () => {
    const version = (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version
    expect(await mustRun('npx', ['--no-install', 'amorsize', '--version'], project)).toContain(version)
  })
})

/** The packages of others that a program imports. */
function packagesOf(program: string): string[] {
  const pattern = /(?:^import (?:.* from )?|await import\()'((?:@[^/']+\/)?[a-z][^':/]*)[^':]*'\)?,?$/gm
  const imports = readFileSync(program, 'utf8').matchAll(pattern)
  return [...new Set([...imports].map(([, name = '']) => name))].filter((name) => name !== 'amorsize')
}

/** Where a package is installed for the project's own tests, or for those of the field. */
function folderOf(name: string): string | undefined {
  const places = [root, join(root, 'test', 'field')].map((place) => join(place, 'node_modules', name))
  return places.find((place) => existsSync(place))
}

/** Lets programs in the test's project import a package of others. */
async function linkPackage(name: string): Promise<void> {
  const place = join(project, 'node_modules', name)
  const folder = folderOf(name)
  if (folder === undefined || existsSync(place)) return
  await mkdir(dirname(place), { recursive: true })
  await symlink(folder, place)
}

function envOfThisRun(): NodeJS.ProcessEnv {
  return addonForbidden ? { AMORSIZE_NATIVE: '0' } : {}
}
