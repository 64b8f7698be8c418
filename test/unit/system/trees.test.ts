import { describe, expect, it } from 'vitest'
import type { Files } from '../support/file-tree.js'
import { MEMINFO, MIB, V2_MOUNT, read, v2, withoutReaders } from '../support/machines.js'

const V1_MEMORY_MOUNT = '34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n'

describe.skipIf(withoutReaders)('readSystemInfo: memory', () => {
  it('reports swap totals of the machine and the lowest swap limit of the groups', () => {
    const { memory, sources } = read(
      v2({ '/sys/fs/cgroup/a/memory.swap.max': '1048576\n', '/sys/fs/cgroup/a/b/memory.swap.max': 'max\n' }),
    )
    expect(memory).toMatchObject({ swapTotalBytes: 2048 * MIB, swapFreeBytes: 1024 * MIB, swapLimitBytes: MIB })
    expect(sources.swapLimitBytes).toEqual({ file: '/sys/fs/cgroup/a/memory.swap.max', level: 1 })
  })

  it('names the file and level of every limit', () => {
    const { sources } = read(
      v2({
        '/sys/fs/cgroup/a/memory.max': `${512 * MIB}\n`,
        '/sys/fs/cgroup/a/memory.current': `${100 * MIB}\n`,
        '/sys/fs/cgroup/a/b/memory.high': `${600 * MIB}\n`,
        '/sys/fs/cgroup/a/b/memory.current': `${50 * MIB}\n`,
        '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/a/pids.max': '100\n',
        '/sys/fs/cgroup/a/pids.current': '1\n',
      }),
    )
    expect(sources).toEqual({
      quotaCpus: { file: '/sys/fs/cgroup/a/b/cpu.max', level: 0 },
      limitBytes: { file: '/sys/fs/cgroup/a/memory.max', level: 1 },
      highBytes: { file: '/sys/fs/cgroup/a/b/memory.high', level: 0 },
      availableBytes: { file: '/sys/fs/cgroup/a/memory.max', level: 1 },
      pidsLimit: { file: '/sys/fs/cgroup/a/pids.max', level: 1 },
      swapLimitBytes: null,
      addressSpaceLimitBytes: null,
    })
  })

  it('does not promise available memory when the use of a limited group cannot be read', () => {
    const { memory } = read(v2({ '/sys/fs/cgroup/a/b/memory.max': `${512 * MIB}\n` }))
    expect(memory).toMatchObject({ limitBytes: 512 * MIB, availableBytes: null, workingSetBytes: null })
  })

  it('finds the limits of the parents of a group that was deleted', () => {
    const { memory } = read(
      v2({
        '/proc/self/cgroup': '0::/a/b (deleted)\n',
        '/sys/fs/cgroup/a/memory.max': `${256 * MIB}\n`,
        '/sys/fs/cgroup/a/memory.current': `${56 * MIB}\n`,
      }),
    )
    expect(memory).toMatchObject({ limitBytes: 256 * MIB, availableBytes: 200 * MIB, ancestorsVisible: true })
  })

  it('takes free memory where the kernel has no MemAvailable', () => {
    const { memory } = read(v2({ '/proc/meminfo': 'MemTotal: 2048 kB\nMemFree: 1024 kB\n' }))
    expect(memory).toMatchObject({ totalBytes: 2 * MIB, availableBytes: MIB, swapTotalBytes: null })
  })

  it('sees the limit of a hidden v1 parent, and subtracts the use of each visible level from it', () => {
    const stat = (inactive: number) => `total_inactive_file ${inactive}\nhierarchical_memory_limit ${512 * MIB}\n`
    const { memory } = read({
      '/proc/self/cgroup': '4:memory:/pod/mid/leaf\n',
      '/proc/self/mountinfo': '34 31 0:30 /pod/mid /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
      '/proc/meminfo': MEMINFO,
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${400 * MIB}\n`,
      '/sys/fs/cgroup/memory/memory.stat': stat(8 * MIB),
      '/sys/fs/cgroup/memory/leaf/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/memory/leaf/memory.usage_in_bytes': `${10 * MIB}\n`,
      '/sys/fs/cgroup/memory/leaf/memory.stat': stat(0),
    })
    expect(memory).toMatchObject({
      limitBytes: 512 * MIB,
      availableBytes: 120 * MIB,
      workingSetBytes: 10 * MIB,
      ancestorsVisible: false,
    })
  })

  it('ignores a v1 parent that does not bind its children (use_hierarchy 0)', () => {
    const group = (limit: number, hierarchical: number) => ({
      'memory.limit_in_bytes': `${limit}\n`,
      'memory.usage_in_bytes': '0\n',
      'memory.stat': `total_inactive_file 0\nhierarchical_memory_limit ${hierarchical}\n`,
    })
    const files: Files = {
      '/proc/self/cgroup': '4:memory:/p/c\n',
      '/proc/self/mountinfo': V1_MEMORY_MOUNT,
      '/proc/meminfo': MEMINFO,
    }
    const put = (directory: string, content: Files) => {
      for (const [name, text] of Object.entries(content)) files[`/sys/fs/cgroup/memory${directory}/${name}`] = text
    }
    put('/p', { ...group(64 * MIB, 64 * MIB), 'memory.use_hierarchy': '0\n' })
    put('/p/c', group(256 * MIB, 256 * MIB))
    expect(read(files).memory.limitBytes).toBe(256 * MIB)
    expect(read({ ...files, '/sys/fs/cgroup/memory/p/memory.use_hierarchy': '1\n' }).memory.limitBytes).toBe(64 * MIB)
  })
})

describe.skipIf(withoutReaders)('readSystemInfo: pressure and resource limits', () => {
  it('reports ten-second averages of the machine and of the group', () => {
    const psi = (some: string, full: string) =>
      `some avg10=${some} avg60=0.00 avg300=0.00 total=1\nfull avg10=${full} avg60=0.00 avg300=0.00 total=1\n`
    const { cpu, memory } = read(
      v2({
        '/proc/pressure/cpu': 'some avg10=12.34 avg60=0.00 avg300=0.00 total=5\n',
        '/proc/pressure/memory': psi('1.50', '0.25'),
        '/sys/fs/cgroup/a/b/memory.pressure': psi('100.00', '7.00'),
      }),
    )
    expect(cpu.pressure).toEqual({ some: 12.34, full: null })
    expect(cpu.groupPressure).toBeNull()
    expect(memory.pressure).toEqual({ some: 1.5, full: 0.25 })
    expect(memory.groupPressure).toEqual({ some: 100, full: 7 })
  })

  it('keeps address space apart from memory and counts tasks against RLIMIT_NPROC', () => {
    const limits =
      'Limit                     Soft Limit           Hard Limit           Units     \n' +
      'Max data size             unlimited            unlimited            bytes     \n' +
      'Max processes             50                   60                   processes \n' +
      'Max address space         1073741824           unlimited            bytes     \n'
    const { memory, pids, sources } = read(
      v2({
        '/proc/self/limits': limits,
        '/proc/self/status': 'Name:\tnode\nThreads:\t11\n',
        '/sys/fs/cgroup/a/b/pids.max': '64\n',
        '/sys/fs/cgroup/a/b/pids.current': '12\n',
      }),
    )
    expect(memory).toMatchObject({ addressSpaceLimitBytes: 1024 * MIB, limitBytes: null, availableBytes: 12288 * MIB })
    expect(pids).toEqual({ limit: 50, available: 39 })
    expect(sources).toMatchObject({
      pidsLimit: { file: 'RLIMIT_NPROC', level: null },
      addressSpaceLimitBytes: { file: 'RLIMIT_AS' },
    })
  })

  it('does not promise free tasks when a limited group cannot be counted', () => {
    expect(read(v2({ '/sys/fs/cgroup/a/b/pids.max': '64\n' })).pids).toEqual({ limit: 64, available: null })
  })
})

describe.skipIf(withoutReaders)('readSystemInfo: groups and mounts', () => {
  it('compares paths by components: /pod is no ancestor of /pod2', () => {
    const { cpu } = read({
      '/proc/self/cgroup': '0::/pod2\n',
      '/proc/self/mountinfo': '25 30 0:22 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/cpu.max': '100000 100000\n',
      '/sys/fs/cgroup/2/cpu.max': '100000 100000\n',
    })
    expect(cpu).toMatchObject({ quotaCpus: null, controller: 'v2', ancestorsVisible: false })
  })

  it('takes a path with colons and blanks as it is', () => {
    const { cpu } = read(
      v2({ '/proc/self/cgroup': '0::/a:b/c d\\040\n', '/sys/fs/cgroup/a:b/c d\\040/cpu.max': '50000 100000\n' }),
    )
    expect(cpu.quotaCpus).toBe(0.5)
  })

  it('undoes the escapes of a mount point', () => {
    const { cpu } = read({
      '/proc/self/cgroup': '0::/x\n',
      '/proc/self/mountinfo': '25 30 0:22 / /mnt/my\\040groups\\134 rw - cgroup2 cgroup2 rw\n',
      '/mnt/my groups\\/x/cpu.max': '50000 100000\n',
    })
    expect(cpu.quotaCpus).toBe(0.5)
  })

  it('leaves a mount that a later one hides, whatever the later one is', () => {
    const { cpu } = read(
      v2({
        '/proc/self/mountinfo': `${V2_MOUNT}90 30 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n`,
        '/sys/fs/cgroup/a/b/cpu.max': '50000 100000\n',
      }),
    )
    expect(cpu).toMatchObject({ quotaCpus: null, ancestorsVisible: false })
  })

  it('finds the process below a mount whose root lies above its cgroup namespace', () => {
    const files = {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': '25 30 0:22 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/cgroup.controllers': 'cpu\n',
      '/sys/fs/cgroup/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/pod/cgroup.procs': '',
      '/sys/fs/cgroup/pod/one/cgroup.procs': '7\n424\n42421\n',
      '/sys/fs/cgroup/pod/one/cpu.max': '50000 100000\n',
      '/sys/fs/cgroup/pod/two/cgroup.procs': '9\n4242\n',
      '/sys/fs/cgroup/pod/two/cpu.max': '150000 100000\n',
    }
    expect(read(files).cpu.quotaCpus).toBe(1.5)
    expect(read(files, { pid: 424 }).cpu.quotaCpus).toBe(0.5)
    // Not found: the mount point is an ancestor all the same.
    expect(read(files, { pid: 1 }).cpu).toMatchObject({ quotaCpus: 4, ancestorsVisible: false })
  })

  it('uses every mount of the hierarchy', () => {
    const { cpu } = read(
      v2({
        '/proc/self/mountinfo': `${V2_MOUNT}26 30 0:22 /a/b /mnt/own rw - cgroup2 cgroup2 rw\n`,
        '/sys/fs/cgroup/a/cpu.max': '300000 100000\n',
        '/mnt/own/cpu.max': '200000 100000\n',
      }),
    )
    expect(cpu).toMatchObject({ quotaCpus: 2, ancestorsVisible: true })
  })

  it('compares quotas as exact ratios', () => {
    const tight = '9007199254740993 9007199254740992'
    const { sources } = read(
      v2({
        '/sys/fs/cgroup/a/b/cpu.max': `${tight}\n`,
        '/sys/fs/cgroup/a/cpu.max': '9007199254740992 9007199254740991\n',
      }),
    )
    // Both are 1 as doubles.
    expect(sources.quotaCpus).toEqual({ file: '/sys/fs/cgroup/a/b/cpu.max', level: 0 })
  })
})
