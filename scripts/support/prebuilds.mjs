// What a prebuilt addon is made of, how it is named, and how to tell a stale one: shared by the script that builds them,
// the one that refuses to publish without them, and the package tests.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { root } from './project.mjs'

/** The platforms that a published package must hold. */
export const requiredPlatforms = ['linux-x64', 'linux-arm64']

/** The oldest C library that Node 20's own binaries run on; a prebuild that needs a newer one would shut those users out. */
export const oldestGlibc = [2, 28]

/** ELF's number of the processor, at offset 18 of the file. */
const elfMachine = { x64: 62, arm64: 183 }

/** The sources of the addon as the package publishes them. */
const sourceRoots = ['binding.gyp', 'native/core', 'native/os', 'native/binding']

function filesBelow(path) {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path)
    .flatMap((name) => filesBelow(join(path, name)))
    .sort()
}

/** sha-256 of names and contents of all sources of the addon: a prebuild of another hash is stale. */
export function sourcesHash() {
  const hash = createHash('sha256')
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

/** The file beside a prebuild that tells what it was built from. */
export const recordName = 'build.json'

/**
 * The newest symbol version of the C library that a binary asks for, such as [2, 17]; null if it asks for none.
 *
 * @param {Buffer} binary
 * @returns {number[] | null}
 */
export function glibcNeeded(binary) {
  const versions = [...binary.toString('latin1').matchAll(/GLIBC_(\d+)\.(\d+)/g)].map((found) => [
    Number(found[1]),
    Number(found[2]),
  ])
  return versions.sort((a, b) => b[0] - a[0] || b[1] - a[1])[0] ?? null
}

/**
 * Finds what is wrong with the prebuild of one platform.
 *
 * @param {string} platform - such as 'linux-x64'
 * @param {string} hash - of the present sources, from {@link sourcesHash}
 * @param {string} [base] - the folder of prebuilds
 * @returns {string[]} one line for every fault; empty if it is fit to publish
 */
export function faultsOf(platform, hash, base = prebuilds) {
  const folder = join(base, platform)
  const addons = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.node')) : []
  if (addons.length === 0) return [`${platform}: missing; run "npm run prebuild"`]
  if (!existsSync(join(folder, recordName))) return [`${platform}: no ${recordName} beside it; run "npm run prebuild"`]

  const faults = []
  const record = JSON.parse(readFileSync(join(folder, recordName), 'utf8'))
  if (record.sources !== hash)
    faults.push(`${platform}: stale, the native sources have changed since; run "npm run prebuild"`)
  for (const name of addons) {
    const binary = readFileSync(join(folder, name))
    if (createHash('sha256').update(binary).digest('hex') !== record.files[name]) {
      faults.push(`${platform}/${name}: not the file that "npm run prebuild" built`)
    }
    if (platform.startsWith('linux-')) faults.push(...elfFaults(platform, name, binary))
  }
  return faults
}

function elfFaults(platform, name, binary) {
  const faults = []
  const machine = binary.subarray(0, 4).toString('latin1') === '\x7fELF' ? binary.readUInt16LE(18) : null
  if (machine !== elfMachine[platform.slice('linux-'.length)])
    faults.push(`${platform}/${name}: built for another processor`)
  const glibc = glibcNeeded(binary)
  if (glibc !== null && (glibc[0] > oldestGlibc[0] || (glibc[0] === oldestGlibc[0] && glibc[1] > oldestGlibc[1]))) {
    faults.push(
      `${platform}/${name}: needs glibc ${glibc.join('.')}, but Node 20 runs from glibc ${oldestGlibc.join('.')} on`,
    )
  }
  return faults
}
