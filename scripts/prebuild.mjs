// Builds the addons that the package ships: `npm run prebuild [-- platform ...] [-- --if-stale]`.
//
// Without a name: this machine's platform, and on x64 Linux linux-arm64 too if its cross compiler is installed (Debian and
// Ubuntu: g++-aarch64-linux-gnu). Each is built in a folder of its own, so that build/ of the working tree stays as it is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { headersOfThisNode } from './support/headers.mjs'
import { faultsOf, glibcNeeded, prebuilds, recordName, sourcesHash } from './support/prebuilds.mjs'
import { root } from './support/project.mjs'
import { mustRun } from './support/run.mjs'

const host = `${process.platform}-${process.arch}`

/** How to compile for a platform that is not this machine's. */
const crossCompilers = { 'linux-arm64': { from: 'linux-x64', prefix: 'aarch64-linux-gnu-' } }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'if-stale': { type: 'boolean', default: false } },
})
const crossed = Object.keys(crossCompilers).filter((name) => crossCompilers[name].from === host && hasCompiler(name))
const reachable = [host, ...crossed]
const wanted = positionals.length > 0 ? positionals : reachable
for (const platform of wanted) {
  if (reachable.includes(platform)) continue
  const compiler =
    crossCompilers[platform]?.from === host ? `; ${crossCompilers[platform].prefix}g++ is not installed` : ''
  throw new Error(`cannot build ${platform} on ${host}${compiler}. Possible: ${reachable.join(', ')}`)
}

const hash = sourcesHash()
for (const platform of wanted) {
  if (values['if-stale'] && faultsOf(platform, hash).length === 0) continue
  await build(platform)
}

function hasCompiler(platform) {
  return spawnSync(`${crossCompilers[platform].prefix}g++`, ['--version'], { stdio: 'ignore' }).status === 0
}

async function build(platform) {
  const prefix = platform === host ? '' : crossCompilers[platform].prefix
  const work = join(root, '.tmp', `prebuild-${platform}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  for (const name of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, name), join(work, name), { recursive: true })

  const [os, arch] = platform.split('-')
  const args = [
    '--napi',
    '--strip',
    '--tag-libc',
    '--platform',
    os,
    '--arch',
    arch,
    '--target',
    `node@${process.versions.node}`,
  ]
  if (os === 'linux') args.push('--strip-bin', `${prefix}strip`)
  const env = { ...process.env, npm_config_loglevel: 'warn', npm_config_jobs: 'max', ...headersOfThisNode() }
  if (prefix !== '') Object.assign(env, { CC: `${prefix}gcc`, CXX: `${prefix}g++`, AR: `${prefix}ar` })
  await mustRun(process.execPath, [join(root, 'node_modules', 'prebuildify', 'bin.js'), ...args], { cwd: work, env })

  const built = join(work, 'prebuilds', platform)
  const files = {}
  for (const name of readdirSync(built))
    files[name] = createHash('sha256')
      .update(readFileSync(join(built, name)))
      .digest('hex')
  const folder = join(prebuilds, platform)
  rmSync(folder, { recursive: true, force: true })
  cpSync(built, folder, { recursive: true })
  writeFileSync(join(folder, recordName), `${JSON.stringify({ sources: hash, files }, null, 2)}\n`)
  rmSync(work, { recursive: true, force: true })
  await verify(platform, files)
}

async function verify(platform, files) {
  const faults = faultsOf(platform, hash)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  for (const name of Object.keys(files)) {
    const path = join(prebuilds, platform, name)
    const binary = readFileSync(path)
    const glibc = glibcNeeded(binary)
    const needs = glibc === null ? '' : `, needs glibc ${glibc.join('.')}`
    console.log(`prebuilds/${platform}/${name}: ${(binary.length / 1024).toFixed(0)} KiB${needs}`)
    // An addon for another processor is loaded under qemu by test/package, where there is a Node for it.
    if (platform === host) await mustRun(process.execPath, ['-e', 'require(process.argv[1])', path], { quiet: true })
  }
}
