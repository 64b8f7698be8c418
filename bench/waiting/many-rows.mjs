// Rows of the table about names and keys by the hundred thousand; see table.mjs.
import { closeSync, openSync, readdirSync, readFileSync, readSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { KeyedRateLimiter, RateLimiter } from '../../dist/index.js'
import { nativeAddon } from '../../dist/internal/native.js'
import { MACHINE } from '../../dist/memory/shared/layout.js'

/** So many files of names are there at once. */
const PART = 1000
/** Parts whose best time is compared: the machine may delay some. */
const COMPARED = 10

/**
 * Names of the machine that one process makes, uses and disposes of, one after the other: how many times as long each of the last takes as each of
 * the first.
 */
export async function namesGrowth(names = 200_000) {
  const directory = nativeAddon()?.machineDirectory() ?? ''
  const prefix = `many-names-${process.pid}-`
  let made = 0
  const usePart = async () => {
    const startedMs = performance.now()
    for (const end = made + PART; made < end; made++) useName(`${prefix}${made}`)
    const tookMs = performance.now() - startedMs
    removeFiles(directory, prefix)
    // Node collects what the addon made for them in a turn of its loop only.
    await turn()
    return tookMs
  }
  // Compiled code first.
  for (let part = 0; part < 5; part++) await usePart()
  const before = mappings()
  const times = []
  for (let part = 0; part < names / PART; part++) times.push(await usePart())
  if (mappings() !== before) throw new Error(`${mappings() - before} names are still mapped`)
  return Math.min(...times.slice(-COMPARED)) / Math.min(...times.slice(0, COMPARED))
}

/** @param {string} name */
function useName(name) {
  const limiter = new RateLimiter({ name, scope: 'machine', requestsPerSecond: 1e-6, burstSize: 10 })
  if (!limiter.tryAcquire()) throw new Error(`${name} was not new`)
  limiter[Symbol.dispose]()
}

const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('/shm/amorsize.').length - 1

/** Not by the list of the machine's names, which reads much more. @param {string} directory @param {string} prefix */
function removeFiles(directory, prefix) {
  for (const name of readdirSync(directory)) {
    const file = join(directory, name)
    if (name.startsWith('amorsize.') && beginsWith(file, prefix)) unlinkSync(file)
  }
}

/** Whether the name in a file begins so. @param {string} file @param {string} prefix */
function beginsWith(file, prefix) {
  const text = Buffer.alloc(prefix.length)
  let descriptor
  try {
    descriptor = openSync(file, 'r')
    readSync(descriptor, text, 0, text.length, MACHINE.name * 8)
    return text.toString() === prefix
  } catch {
    return false // of another user, or removed meanwhile
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** A caller for each of 200,000 keys, who all give up at once: how many times as long each takes as each of 5,000. */
export async function waitingKeysGrowth() {
  await usForKey(5000)
  /** @param {number} keys @param {number} tries */
  const best = async (keys, tries) => {
    let least = Infinity
    for (let i = 0; i < tries; i++) least = Math.min(least, await usForKey(keys))
    return least
  }
  const few = await best(5000, 10)
  return (await best(200_000, 4)) / few
}

/** @param {number} keys */
async function usForKey(keys) {
  const limiter = new KeyedRateLimiter({ requestsPerSecond: 1e-3, burstSize: 1, capacity: 2 * keys })
  for (let key = 0; key < keys; key++) limiter.tryAcquire(key)
  const controller = new AbortController()
  const options = { signal: controller.signal }
  let gone = 0
  const giveUp = () => void gone++
  const startedMs = performance.now()
  for (let key = 0; key < keys; key++) limiter.acquire(key, 1, options).catch(giveUp)
  controller.abort()
  await turn()
  const tookMs = performance.now() - startedMs
  if (gone !== keys) throw new Error(`${keys - gone} of ${keys} did not give up`)
  limiter[Symbol.dispose]()
  return (1000 * tookMs) / keys
}
