import { describe, expect, it } from 'vitest'
import { formatSystemInfo } from '../../../dist/cli/text/system-table.js'
import type { Files } from '../support/file-tree.js'
import { MEMINFO, MIB, read, v2, withoutReaders } from '../support/machines.js'

// Each is a machine on which systemInfo once promised more memory than there was, or less.

/** Two nodes of 8 GiB; MemAvailable is 1 GiB less than what is free or cached in all. */
function nodes(allowed: string): Files {
  const node = (index: number, freeKiB: number, cachedKiB: number) =>
    `Node ${index} MemTotal:        8388608 kB\nNode ${index} MemFree:         ${freeKiB} kB\n` +
    `Node ${index} Active(file):    ${cachedKiB / 2} kB\nNode ${index} Inactive(file):  ${cachedKiB / 2} kB\n` +
    `Node ${index} SReclaimable:    0 kB\n`
  return {
    '/proc/meminfo':
      'MemTotal:       16777216 kB\nMemFree:         6291456 kB\nMemAvailable:    6291456 kB\n' +
      'Active(file):     524288 kB\nInactive(file):   524288 kB\n',
    '/proc/self/status': `Threads:\t1\nMems_allowed_list:\t${allowed}\n`,
    '/sys/devices/system/node/has_memory': '0-1\n',
    '/sys/devices/system/node/node0/meminfo': node(0, 524288, 1048576),
    '/sys/devices/system/node/node1/meminfo': node(1, 5767168, 0),
  }
}

describe.skipIf(withoutReaders)('memory of a process that is bound to some NUMA nodes', () => {
  it('is what these nodes have left, less their share of what the kernel keeps', () => {
    const info = read(v2(nodes('0')))
    // 512 MiB free and 1 GiB of page cache, less half of the 1 GiB that the kernel keeps of the machine.
    expect(info.memory).toMatchObject({
      totalBytes: 16384 * MIB,
      nodesTotalBytes: 8192 * MIB,
      effectiveLimitBytes: 8192 * MIB,
      machineAvailableBytes: 6144 * MIB,
      availableBytes: 1024 * MIB,
    })
    expect(info.sources.availableBytes).toEqual({ file: '/sys/devices/system/node/node0/meminfo', level: null })
    expect(formatSystemInfo(info)).toMatch(/NUMA nodes of this process +8 GiB/)
  })

  it('is never more than the machine has left', () => {
    const { memory } = read(v2({ ...nodes('1'), '/sys/devices/system/node/has_memory': '0-2\n' }))
    expect(memory).toMatchObject({ nodesTotalBytes: 8192 * MIB, availableBytes: 5120 * MIB })
  })

  it('is the machine’s where all nodes that have memory are allowed, or nothing is said of them', () => {
    for (const files of [nodes('0-1'), nodes('0-7'), { ...nodes('0'), '/proc/self/status': 'Threads:\t1\n' }]) {
      const info = read(v2(files))
      expect(info.memory).toMatchObject({ nodesTotalBytes: null, availableBytes: 6144 * MIB })
      expect(formatSystemInfo(info)).not.toContain('NUMA nodes of this process')
    }
  })

  it('counts a group’s limit beside them', () => {
    const { memory } = read(
      v2({
        ...nodes('0'),
        '/sys/fs/cgroup/a/memory.max': `${256 * MIB}\n`,
        '/sys/fs/cgroup/a/memory.current': `${6 * MIB}\n`,
      }),
    )
    expect(memory.availableBytes).toBe(250 * MIB)
  })

  it('does not take a node of which nothing can be read for an empty one', () => {
    const others = nodes('0')
    delete others['/sys/devices/system/node/node0/meminfo']
    expect(read(v2(others)).memory).toMatchObject({ nodesTotalBytes: null, availableBytes: 6144 * MIB })
  })
})

describe.skipIf(withoutReaders)('page cache', () => {
  const group = (usage: number, inactive: number, active: number) =>
    v2({
      '/sys/fs/cgroup/a/b/memory.max': `${512 * MIB}\n`,
      '/sys/fs/cgroup/a/b/memory.current': `${usage * MIB}\n`,
      '/sys/fs/cgroup/a/b/memory.stat': `inactive_file ${inactive * MIB}\nactive_file ${active * MIB}\n`,
    })

  it('that was read twice can be taken back like what was read once', () => {
    const { memory } = read(group(490, 0, 480))
    expect(memory).toMatchObject({ availableBytes: 502 * MIB, workingSetBytes: 10 * MIB })
  })

  it('keeps the shorter of its lists for the program that uses it', () => {
    expect(read(group(490, 80, 400)).memory.availableBytes).toBe(422 * MIB)
    expect(read(group(490, 400, 80)).memory.availableBytes).toBe(422 * MIB)
  })

  it('is counted with that of the groups below in v1', () => {
    const { memory } = read({
      '/proc/self/cgroup': '4:memory:/a\n',
      '/proc/self/mountinfo': '34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
      '/proc/meminfo': MEMINFO,
      '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${512 * MIB}\n`,
      '/sys/fs/cgroup/memory/a/memory.usage_in_bytes': `${490 * MIB}\n`,
      '/sys/fs/cgroup/memory/a/memory.stat': `active_file 7\ntotal_inactive_file 0\ntotal_active_file ${480 * MIB}\n`,
    })
    expect(memory.availableBytes).toBe(502 * MIB)
  })
})

describe.skipIf(withoutReaders)('a kernel that promises no more memory than it has', () => {
  const meminfo = `${MEMINFO}CommitLimit:     4194304 kB\nCommitted_AS:    3145728 kB\n`
  const machine = (mode: string) =>
    read(v2({ '/proc/meminfo': meminfo, '/proc/sys/vm/overcommit_memory': `${mode}\n` }))

  it('has left what it has not promised', () => {
    const { memory, sources } = machine('2')
    expect(memory).toMatchObject({ availableBytes: 1024 * MIB, machineAvailableBytes: 12288 * MIB })
    expect(sources.availableBytes).toEqual({ file: '/proc/sys/vm/overcommit_memory', level: null })
  })

  it.each(['0', '1'])('is one with vm.overcommit_memory = 2, not %s', (mode) => {
    expect(machine(mode).memory.availableBytes).toBe(12288 * MIB)
  })

  it('has nothing left when it has promised more', () => {
    const promised = meminfo.replace('3145728', '5000000')
    const { memory } = read(v2({ '/proc/meminfo': promised, '/proc/sys/vm/overcommit_memory': '2\n' }))
    expect(memory.availableBytes).toBe(0)
  })
})

describe.skipIf(withoutReaders)('pressure of the group', () => {
  it('is read from the v2 hierarchy also where v1 has the controllers', () => {
    const { cpu, memory } = read({
      '/proc/self/cgroup': '5:cpu:/a\n4:memory:/a\n0::/a/b\n',
      '/proc/self/mountinfo':
        '33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n' +
        '34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n' +
        '35 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n',
      '/proc/meminfo': MEMINFO,
      '/sys/fs/cgroup/unified/a/b/cpu.pressure': 'some avg10=12.00 avg60=0.00 avg300=0.00 total=5\n',
      '/sys/fs/cgroup/unified/a/b/memory.pressure':
        'some avg10=3.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=5\n',
    })
    expect(cpu).toMatchObject({ controller: 'v1', groupPressure: { some: 12, full: null } })
    expect(memory).toMatchObject({ controller: 'v1', groupPressure: { some: 3, full: 1 } })
  })
})
