// Where the prebuilt addons are, and what is wrong with one: shared by the script that builds them, the one that refuses to publish without
// them, and the package tests.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { readBinary } from './binary.mjs'
import { manifest, root } from './project.mjs'
import { signAnew } from './strip-mach-o.mjs'
import { folderOf, functionsOf, mayOffer, ofNode, offeredNames, targets } from './targets.mjs'

/** The oldest C library that Node 20's own binaries run on; a prebuild that needs a newer one would shut those users out. */
const oldestGlibc = [2, 28]

/** No addon may be larger: an eighth of what the other files leave of the 4 MB that the package may unpack to. */
export const mostBytes = 325_000

/** The sources of the addon, and what is linked with them. */
const sourceRoots = ['binding.gyp', 'native/core', 'native/os', 'native/binding', 'scripts/support/zig']

function filesBelow(path) {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path)
    .flatMap((name) => filesBelow(join(path, name)))
    .sort()
}

/** sha-256 of the version and of names and contents of all sources of the addon: a prebuild of another hash is stale. */
export function sourcesHash() {
  const hash = createHash('sha256').update(`${manifest.version}\0`)
  for (const file of sourceRoots.flatMap((name) => filesBelow(join(root, name)))) {
    hash
      .update(`${relative(root, file).split(sep).join('/')}\0`)
      .update(readFileSync(file))
      .update('\0')
  }
  return hash.digest('hex')
}

/** Where the prebuilds are, each in the folder of its platform. */
export const prebuilds = join(root, 'prebuilds')

/** The target that runs on this machine. */
export const hostTarget = `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`

function isMusl() {
  return process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined
}

/** The file of a target. */
export const pathOf = (name, base = prebuilds) => join(base, folderOf(name), targets[name].file)

/** The file beside a prebuild that tells what it was built from; it is not shipped. */
const recordOf = (name, base = prebuilds) => `${pathOf(name, base)}.json`

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Writes down what a prebuild was built from, and whether it only stands in for one while tests run. */
export function record(name, sources, isStandIn = false) {
  const text = JSON.stringify({ sources, file: digest(readFileSync(pathOf(name))), isStandIn }, null, 2)
  writeFileSync(recordOf(name), `${text}\n`)
}

/** Whether the file is the addon of build/, which serves this machine and not every other of its kind. */
export const isStandIn = (name) =>
  existsSync(recordOf(name)) && JSON.parse(readFileSync(recordOf(name), 'utf8')).isStandIn === true

/**
 * Finds what is wrong with the prebuild of one target.
 *
 * @param {string} name - such as 'linux-x64'
 * @param {string} hash - of the present sources, from {@link sourcesHash}
 * @param {string} [base] - the folder of prebuilds
 * @returns {string[]} one line for every fault; empty if it is fit to publish
 */
export function faultsOf(name, hash, base = prebuilds) {
  const path = pathOf(name, base)
  const again = `run "npm run prebuild -- ${name}"`
  if (!existsSync(path)) return [`${name}: missing; ${again}`]
  if (!existsSync(recordOf(name, base))) return [`${name}: nothing beside it says what it was built from; ${again}`]
  const { sources, file, isStandIn } = JSON.parse(readFileSync(recordOf(name, base), 'utf8'))
  const bytes = readFileSync(path)
  const faults = []
  if (isStandIn === true) faults.push(`only stands in for tests; ${again}`)
  if (sources !== hash) faults.push(`stale, the native sources have changed since; ${again}`)
  if (digest(bytes) !== file) faults.push('not the file that "npm run prebuild" built')
  if (bytes.length > mostBytes) faults.push(`${bytes.length} bytes, more than ${mostBytes}`)
  try {
    faults.push(...binaryFaults(name, readBinary(bytes)))
    if (targets[name].os === 'mac' && !signAnew(bytes).equals(bytes)) faults.push('its signature does not fit')
  } catch (error) {
    faults.push(`not readable: ${error.message}`)
  }
  return faults.map((fault) => `${name}: ${fault}`)
}

function binaryFaults(name, { arch, needed, asked, offered, versions, staysLoaded, threadBytes = 0 }) {
  const target = targets[name]
  const faults = []
  if (arch !== name.split('-')[1]) faults.push('built for another processor')
  for (const library of needed)
    if (!target.needed.test(library)) faults.push(`needs the library ${library}, which not every such system has`)
  // Node unloads an addon that threads alone have used; what it left to be done at the end of the process would be gone then.
  if (staysLoaded === false) faults.push('may be unloaded')
  // Of the room that glibc has for these in libraries that are loaded late, 1.6 KB in all, other addons take, too, and other copies of this one.
  if (threadBytes > 64) faults.push(`has ${threadBytes} bytes of each thread's own variables`)
  const known = functionsOf(name)
  const ofSystem = asked.filter((symbol) => !ofNode.test(symbol))
  const strange = ofSystem.filter((symbol) => !known.includes(symbol))
  if (strange.length > 0) faults.push(`asks for what is not listed in symbols.json: ${strange.join(', ')}`)
  const unused = known.filter((symbol) => !ofSystem.includes(symbol))
  if (unused.length > 0) faults.push(`does not ask for what is listed in symbols.json: ${unused.join(', ')}`)
  const hidden = offeredNames.filter((symbol) => !offered.includes(symbol))
  if (hidden.length > 0) faults.push(`does not offer ${hidden.join(', ')}`)
  const open = offered.filter((symbol) => !mayOffer(target, symbol))
  if (open.length > 0) faults.push(`offers names to others: ${open.join(', ')}`)
  for (const version of versions) {
    const [major, minor] = version.slice('GLIBC_'.length).split('.').map(Number)
    if (major > oldestGlibc[0] || (major === oldestGlibc[0] && minor > oldestGlibc[1]))
      faults.push(`needs ${version}, but Node 20 runs from glibc ${oldestGlibc.join('.')} on`)
  }
  return faults
}
