// Builds the addons that the package ships: `npm run prebuild [-- target ...] [-- --all] [-- --if-stale] [-- --stand-in]`.
//
// --if-stale leaves what is of the present sources. --stand-in installs no Zig: where there is none yet, the addon of build/ takes the place
// of this machine's own for the tests; it is refused when the package is published.
//
// On x64 Linux Zig builds every target (scripts/support/targets.mjs); without a name, this machine's own. Elsewhere node-gyp builds the
// machine's own. `wasm` builds what is committed instead (scripts/wasm.mjs). What is built is checked: its processor, the libraries and functions it asks
// for, the names it offers.
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { headersOfThisNode } from './support/headers.mjs'
import { faultsOf, hostTarget, pathOf, record, sourcesHash } from './support/prebuilds.mjs'
import { root } from './support/project.mjs'
import { mustRun } from './support/run.mjs'
import { targets } from './support/targets.mjs'
import { buildAddon, installZig, zigIsInstalled, zigRunsHere } from './support/zig.mjs'

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
  const work = join(root, '.tmp', `prebuild-${name}`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const built = join(work, 'amorsize.node')
  if (zigRunsHere) await buildAddon(targets[name], work, built)
  else await buildHere(work, built)
  const path = put(name, built)
  record(name, hash)
  rmSync(work, { recursive: true, force: true })
  console.log(`${name}: ${(readFileSync(path).length / 1024).toFixed(0)} KiB`)
  if (name === hostTarget) await mustRun(process.execPath, ['-e', 'require(process.argv[1])', path], { quiet: true })
  return faultsOf(name, hash)
}

function put(name, file) {
  const path = pathOf(name)
  mkdirSync(join(path, '..'), { recursive: true })
  cpSync(file, path)
  return path
}

async function standIn(name) {
  if (name !== hostTarget) throw new Error(`nothing can stand in for ${name} on ${hostTarget}`)
  await mustRun('strip', [put(name, join(root, 'build', 'Release', 'amorsize.node'))])
  record(name, hash, true)
  return []
}

/** In a folder of its own, so that build/ of the working tree stays as it is. */
async function buildHere(work, to) {
  for (const name of ['package.json', 'binding.gyp', 'native'])
    cpSync(join(root, name), join(work, name), { recursive: true })
  cpSync(join(root, 'node_modules', 'node-addon-api'), join(work, 'node_modules', 'node-addon-api'), {
    recursive: true,
  })
  const env = { ...process.env, ...headersOfThisNode() }
  const nodeGyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  await mustRun(process.execPath, [nodeGyp, 'rebuild', '--jobs=max', '--loglevel=warn'], { cwd: work, env })
  const built = join(work, 'build', 'Release', 'amorsize.node')
  if (process.platform === 'linux') await mustRun('strip', [built])
  if (process.platform === 'darwin') await mustRun('strip', ['-Sx', built])
  cpSync(built, to)
}
