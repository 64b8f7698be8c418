// Builds the addons that the package ships: `npm run prebuild [-- target ...] [-- --all] [-- --if-stale] [-- --stand-in]`.
//
// --if-stale leaves what is of the present sources. --stand-in installs no Zig: where there is none yet, the addon of build/ takes the place
// of this machine's own for the tests; it is refused when the package is published.
//
// prebuildify builds them by node-gyp. On x64 Linux Zig compiles every target (scripts/support/targets.mjs); without a name, this machine's
// own. Elsewhere this machine's compiler builds its own. `wasm` builds what is committed instead (scripts/wasm.mjs). What is built is checked:
// its processor, the libraries and functions it asks for, the names it offers.
import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { headersOfThisNode } from './support/headers.mjs'
import { faultsOf, hostTarget, pathOf, record, sourcesHash } from './support/prebuilds.mjs'
import { root } from './support/project.mjs'
import { mustRun } from './support/run.mjs'
import { targets } from './support/targets.mjs'
import { gypEnv, installZig, zigIsInstalled, zigRunsHere } from './support/zig.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'if-stale': { type: 'boolean', default: false },
    'stand-in': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})
if (positionals.includes('wasm')) await import('./wasm.mjs')
const reachable = zigRunsHere ? Object.keys(targets) : [hostTarget]
const wanted = values.all
  ? Object.keys(targets)
  : positionals.length > 0
    ? positionals.filter((name) => name !== 'wasm')
    : [hostTarget]
for (const name of wanted)
  if (!reachable.includes(name))
    throw new Error(`cannot build ${name} on ${hostTarget}. Possible: ${reachable.join(', ')}`)

const hash = sourcesHash()
const stale = values['if-stale'] ? wanted.filter((name) => faultsOf(name, hash).length > 0) : wanted
const standsIn = values['stand-in'] && zigRunsHere && !zigIsInstalled()
if (zigRunsHere && stale.length > 0 && !standsIn) await installZig()

const faults = []
for (const name of stale) faults.push(...(standsIn ? await standIn(name) : await build(name)))
for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1

/** @returns {Promise<string[]>} what is wrong with it */
async function build(name) {
  // In a folder of its own, so that build/ of the working tree stays as it is.
  const work = join(root, '.tmp', `prebuild-${name}`)
  rmSync(work, { recursive: true, force: true })
  for (const copied of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, copied), join(work, copied), { recursive: true })
  const [platform, arch, libc = 'glibc'] = name.split('-')
  const flags = [
    '--napi',
    `--platform=${platform}`,
    `--arch=${arch}`,
    `--target=${process.versions.node}`,
    `--out=${root}`,
  ]
  if (platform === 'linux') flags.push(`--tag-libc=${libc}`)
  // Zig's linker strips; the strip of this machine knows its own files only.
  if (!zigRunsHere) flags.push('--strip')
  const env = { ...process.env, ...headersOfThisNode(), npm_config_jobs: 'max', ...(zigRunsHere ? gypEnv(name) : {}) }
  const prebuildify = join(root, 'node_modules', 'prebuildify', 'bin.js')
  await mustRun(process.execPath, [prebuildify, ...flags], { cwd: work, env, quiet: true })
  rmSync(work, { recursive: true, force: true })
  const path = pathOf(name)
  record(name, hash)
  console.log(`${name}: ${(statSync(path).size / 1024).toFixed(0)} KiB`)
  if (name === hostTarget) await mustRun(process.execPath, ['-e', 'require(process.argv[1])', path], { quiet: true })
  return faultsOf(name, hash)
}

async function standIn(name) {
  if (name !== hostTarget) throw new Error(`nothing can stand in for ${name} on ${hostTarget}`)
  mkdirSync(join(pathOf(name), '..'), { recursive: true })
  cpSync(join(root, 'build', 'Release', 'amorsize.node'), pathOf(name))
  await mustRun('strip', [pathOf(name)])
  record(name, hash, true)
  return []
}
