import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { FileTree } from '../support/file-tree.js'
import { MIB, V2_MOUNT, read, v2, withoutReaders } from '../support/machines.js'

describe.skipIf(withoutReaders)('readSystemInfo: files that are not what they should be', () => {
  it('refuses a root that does not exist, or is no directory', () => {
    for (const root of ['/nonexistent-root', '/etc/hostname'])
      expect(() => readSystemInfo({ root })).toThrow(`directory that exists; received "${root}"`)
  })

  it('knows nothing of a root that is empty', () => {
    using tree = new FileTree({})
    const info = readSystemInfo({ root: tree.root })
    expect(info.cpu).toMatchObject({
      onlineLogical: null,
      affinityLogical: null,
      usableCpus: null,
      parallelism: 1,
      controller: null,
    })
    expect(info.memory).toMatchObject({
      totalBytes: null,
      availableBytes: null,
      effectiveLimitBytes: null,
      ancestorsVisible: null,
    })
    expect(info.pids).toEqual({ limit: null, available: null })
  })

  it.each([
    ['binary', '\u0000\u00ff\u0001garbage\u0000'],
    ['empty', ''],
    ['truncated', '0-'],
    ['numbers too large', '99999999999999999999999 99999999999999999999999\n'],
    ['a huge line', 'x'.repeat(3_000_000)],
  ])('keeps what other files say when one is %s', (_name, content) => {
    const good = v2({
      '/sys/fs/cgroup/a/memory.max': `${512 * MIB}\n`,
      '/sys/fs/cgroup/a/memory.current': `${12 * MIB}\n`,
      '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n',
    })
    const cpu = read({ ...good, '/sys/fs/cgroup/a/b/cpu.max': content, '/sys/devices/system/cpu/online': content })
    expect(cpu.cpu).toMatchObject({ quotaCpus: null, onlineLogical: null, affinityLogical: 4 })
    expect(cpu.memory).toMatchObject({ limitBytes: 512 * MIB, availableBytes: 500 * MIB })
    const memory = read({ ...good, '/sys/fs/cgroup/a/memory.max': content, '/proc/meminfo': content })
    expect(memory.memory).toMatchObject({ limitBytes: null, totalBytes: null, availableBytes: null })
    expect(memory.cpu.quotaCpus).toBe(1.5)
    const groups = read({ ...good, '/proc/self/cgroup': content })
    expect(groups.cpu).toMatchObject({ quotaCpus: null, controller: null, onlineLogical: 4 })
    expect(groups.memory.totalBytes).toBe(16384 * MIB)
  })

  it('is not held up by a pipe, a directory, a loop of links or an endless file', () => {
    using tree = new FileTree(v2({ '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n' }))
    mkdirSync(join(tree.root, 'sys/fs/cgroup/a/cpu.max'))
    symlinkSync('meminfo-loop', join(tree.root, 'proc/meminfo-loop'))
    symlinkSync('/dev/zero', join(tree.root, 'proc/cpuinfo'))
    symlinkSync('limits', join(tree.root, 'proc/self/limits'))
    const { cpu } = readSystemInfo({ root: tree.root, affinity: '0-3' })
    expect(cpu).toMatchObject({ quotaCpus: 1.5, onlineLogical: 4, physicalCores: null })
  })

  it.skipIf(process.getuid?.() === 0)('leaves out a file that may not be read (needs a user other than root)', () => {
    using tree = new FileTree(v2({ '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n' }))
    chmodSync(join(tree.root, 'sys/fs/cgroup/a/b/cpu.max'), 0)
    expect(readSystemInfo({ root: tree.root }).cpu.quotaCpus).toBeNull()
  })

  it('reads a mountinfo and a cpu.max far longer than a page', () => {
    const noise = Array.from(
      { length: 2000 },
      (_, i) => `${i} 1 0:${i} / /mnt/${'d'.repeat(50)}${i} rw - tmpfs tmpfs rw\n`,
    ).join('')
    const { cpu } = read(
      v2({
        '/proc/self/mountinfo': noise + V2_MOUNT,
        '/sys/fs/cgroup/a/b/cpu.max': `${' '.repeat(9000)}150000 100000\n`,
      }),
    )
    expect(cpu.quotaCpus).toBe(1.5)
  })

  it.each([
    [{ root: '' }, RangeError, /^root must/],
    [{ root: 7 }, TypeError, /^root must/],
    [{ root: 'a\0b' }, RangeError, /^root must/],
    [{ root: '/', affinity: '3-1' }, RangeError, /^affinity must/],
    [{ root: '/', affinity: '' }, RangeError, /^affinity must/],
    [{ root: '/', affinity: '0-70000' }, RangeError, /^affinity must/],
    [{ root: '/', affinity: [] }, RangeError, /^affinity must/],
    [{ root: '/', affinity: [-1] }, RangeError, /^affinity must/],
    [{ root: '/', affinity: 3 }, TypeError, /^affinity must/],
    [{ root: '/', pid: 0 }, RangeError, /^pid must/],
    [{ root: '/', pid: 1.5 }, RangeError, /^pid must/],
    [{ root: '/', pageSize: 1000 }, RangeError, /^pageSize must/],
    [{ root: '/', pageSize: -4096 }, RangeError, /^pageSize must/],
    [{ root: '/', pageSize: Number.NaN }, RangeError, /^pageSize must/],
    [{ root: '/', pagesize: 4096 }, TypeError, /did you mean 'pageSize'/],
    [undefined, TypeError, /must be an object/],
  ])('refuses %j', (options, ErrorClass, message) => {
    const call = () => readSystemInfo(options as never)
    expect(call).toThrow(ErrorClass)
    expect(call).toThrow(message)
  })
})
