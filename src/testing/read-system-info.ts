import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { nativeAddon } from '../internal/native.js'
import { checkKeys, checkNumber, describe } from '../internal/options/validate.js'
import type { SystemInfo } from '../system/index.js'

/** Options of {@link readSystemInfo}. */
export interface ReadSystemInfoOptions {
  /** Directory that stands for `/` and contains `proc` and `sys`. A missing file means unknown; the directory itself must exist. */
  readonly root: string
  /**
   * The CPUs that the process may use, as the kernel lists them (`'0-3,8'`) or as numbers. Default: the online CPUs of the tree that
   * `Cpus_allowed_list` in its `/proc/self/status` allows; without that list, all its online CPUs.
   */
  readonly affinity?: string | readonly number[]
  /** The process id to look for in `cgroup.procs` files, an integer >= 1; default: that of this process. */
  readonly pid?: number
  /** Size of a page in bytes, a power of two from 512 to 2^30; default 4096. */
  readonly pageSize?: number
}

const MAX_CPUS = 65_536

/** Makes the addon read the affinity from the tree. */
const OF_THE_TREE = ''

/**
 * Reads a tree of files as `systemInfo` reads the machine, to test how a program sizes itself in a container that is not at hand.
 *
 * @param options.root - directory that stands for `/`
 * @param options.affinity - CPUs that the process may use; default: as the tree says
 * @param options.pid - process id to look for in `cgroup.procs`; default: this process's
 * @param options.pageSize - bytes, a power of two, default 4096
 * @returns the facts; those that are not in the tree are `null`
 * @throws {TypeError} when an option is unknown or of another type
 * @throws {RangeError} when an option is out of range
 * @throws {Error} when `root` is not a directory
 * @throws {Error} if the Linux readers are missing: without the addon, and on other systems
 *
 * @example
 * import { readSystemInfo } from 'amorsize/testing'
 * const { cpu } = readSystemInfo({
 *   root: './trees/pod-of-half-a-cpu',
 *   affinity: '0-7',
 * })
 * console.log(cpu.parallelism) // 1
 */
export function readSystemInfo(options: ReadSystemInfoOptions): SystemInfo {
  checkKeys('readSystemInfo', options, ['root', 'affinity', 'pid', 'pageSize'])
  const root = checkRoot(options.root)
  const affinity = options.affinity === undefined ? OF_THE_TREE : checkAffinity(options.affinity)
  const { pid = process.pid } = options
  checkNumber('pid', pid, { min: 1, max: 2 ** 31 - 1, integer: true })
  const pageSize = checkPageSize(options.pageSize)
  const read = nativeAddon()?.systemTree?.(root, affinity, pid, pageSize)
  if (read === undefined) throw new Error('readSystemInfo needs the native addon on Linux, which is not in use here')
  return { source: 'native', ...read }
}

function checkRoot(root: unknown): string {
  if (typeof root !== 'string') throw new TypeError(`root must be the path of a directory; received ${describe(root)}`)
  if (root === '' || root.includes('\0')) {
    throw new RangeError(`root must be a path that is not empty and holds no NUL character; received ${describe(root)}`)
  }
  const path = resolve(root)
  // A misspelled path would look like a machine about which nothing is known.
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new Error(`root must be the path of a directory that exists; received ${describe(root)}`)
  return path
}

function checkAffinity(affinity: unknown): string {
  const accepted = `a list of CPU numbers below ${MAX_CPUS}, such as '0-3,8' or [0, 1]`
  if (Array.isArray(affinity)) {
    if (affinity.length === 0) throw new RangeError(`affinity must be ${accepted}; received an empty array`)
    for (const cpu of affinity) checkNumber('affinity', cpu, { min: 0, max: MAX_CPUS - 1, integer: true })
    return affinity.join(',')
  }
  if (typeof affinity !== 'string') throw new TypeError(`affinity must be ${accepted}; received ${describe(affinity)}`)
  const ranges = affinity.trim().split(',')
  for (const range of ranges) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range)
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? match?.[1])
    if (match === null || first > last || last >= MAX_CPUS) {
      throw new RangeError(`affinity must be ${accepted}; received ${describe(affinity)}`)
    }
  }
  return ranges.join(',')
}

function checkPageSize(pageSize: unknown = 4096): number {
  const bytes = checkNumber('pageSize', pageSize, { min: 512, max: 2 ** 30, integer: true })
  if (!Number.isInteger(Math.log2(bytes))) {
    throw new RangeError(`pageSize must be a power of two from 512 to ${2 ** 30}; received ${describe(pageSize)}`)
  }
  return bytes
}
