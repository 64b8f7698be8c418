import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { FileTree, type Files } from '../support/file-tree.js'
import { MIB, V2_MOUNT, read, v2, withoutReaders } from '../support/machines.js'

const limited: Files = {
  '/sys/fs/cgroup/a/memory.max': `${512 * MIB}\n`,
  '/sys/fs/cgroup/a/memory.current': `${100 * MIB}\n`,
  '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n',
}

describe.skipIf(withoutReaders)('readSystemInfo on a machine with many mounts (needs Linux and the addon)', () => {
  it('reads a mountinfo of more than 16 MiB to its end', () => {
    const line = `1 1 0:1 / /mnt/${'d'.repeat(4000)} rw - tmpfs tmpfs rw\n`
    const noise = line.repeat(Math.ceil((17 * MIB) / line.length))
    const { cpu, memory, unreadable } = read(v2({ ...limited, '/proc/self/mountinfo': noise + V2_MOUNT }))
    expect(cpu.quotaCpus).toBe(1.5)
    expect(memory.limitBytes).toBe(512 * MIB)
    expect(unreadable).toEqual([])
  })

  it('skips a line longer than its buffer, and one without an end', () => {
    const mountinfo = `1 1 0:1 / /${'d'.repeat(300_000)} rw - tmpfs tmpfs rw\n${V2_MOUNT.trimEnd()}`
    expect(read(v2({ ...limited, '/proc/self/mountinfo': mountinfo })).cpu.quotaCpus).toBe(1.5)
  })

  it('reads a hierarchy that is mounted 5,000 times about as fast as one that is mounted once', () => {
    const mount = (index: number, type: string) => `${index} 30 0:22 / /mnt/cg${index} rw - ${type} ${type} rw\n`
    const mounts = (type: string) => V2_MOUNT + Array.from({ length: 5000 }, (_, i) => mount(i, type)).join('')
    using many = new FileTree(v2({ ...limited, '/proc/self/mountinfo': mounts('cgroup2') }))
    using others = new FileTree(v2({ ...limited, '/proc/self/mountinfo': mounts('tmpfs') }))
    const time = ({ root }: FileTree): number => {
      const begun = performance.now()
      const { cpu, memory } = readSystemInfo({ root, affinity: '0-3' })
      expect([cpu.quotaCpus, memory.limitBytes]).toEqual([1.5, 512 * MIB])
      return performance.now() - begun
    }
    // In turn, and the best of each: whatever else the machine does falls on both.
    let [manyMs, othersMs] = [Infinity, Infinity]
    for (let i = 0; i < 20; i++) {
      manyMs = Math.min(manyMs, time(many))
      othersMs = Math.min(othersMs, time(others))
    }
    // The lines have to be read in either case; before, each mount was also walked, for each controller: 40 times as long.
    expect(manyMs / othersMs).toBeLessThan(20)
  })

  it('takes, of mounts that show the same groups, one that shows them', () => {
    const mountinfo = `24 30 0:22 / /covered rw - cgroup2 cgroup2 rw\n${V2_MOUNT}26 30 0:22 / /later rw - cgroup2 cgroup2 rw\n`
    const { cpu, sources } = read(v2({ ...limited, '/proc/self/mountinfo': mountinfo }))
    expect(cpu.quotaCpus).toBe(1.5)
    expect(sources.quotaCpus).toEqual({ file: '/sys/fs/cgroup/a/b/cpu.max', level: 0 })
  })

  it('uses mounts with different roots, each for the levels that it shows', () => {
    const { cpu, memory } = read(
      v2({
        '/proc/self/mountinfo':
          '25 30 0:22 /a/b /own rw - cgroup2 cgroup2 rw\n26 30 0:22 /a /above rw - cgroup2 cgroup2 rw\n',
        '/own/cpu.max': '150000 100000\n',
        '/above/memory.max': `${512 * MIB}\n`,
        '/above/b/cgroup.procs': '',
      }),
    )
    expect(cpu.quotaCpus).toBe(1.5)
    expect(memory.limitBytes).toBe(512 * MIB)
  })
})
