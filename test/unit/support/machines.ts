import { FileTree, type Files } from './file-tree.js'
import { readSystemInfo } from '../../../dist/testing/index.js'

/** The readers are Linux's, and compiled. */
export const withoutReaders = process.platform !== 'linux' || process.env['AMORSIZE_NATIVE'] === '0'

export const MIB = 2 ** 20
export const V2_MOUNT = '25 30 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n'
export const MEMINFO =
  'MemTotal: 16777216 kB\nMemFree: 6291456 kB\nMemAvailable: 12582912 kB\nSwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n'

/** A v2 group `/a/b` below a true root, on a machine of four CPUs. */
export function v2(files: Files = {}): Files {
  return {
    '/proc/self/cgroup': '0::/a/b\n',
    '/proc/self/mountinfo': V2_MOUNT,
    '/proc/meminfo': MEMINFO,
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
    '/sys/devices/system/cpu/online': '0-3\n',
    ...files,
  }
}

/** What the readers say about `files`, for a process of all four CPUs. */
export function read(files: Files, options: { affinity?: string; pid?: number } = {}) {
  using tree = new FileTree(files)
  return readSystemInfo({ root: tree.root, affinity: '0-3', pid: 4242, ...options })
}
