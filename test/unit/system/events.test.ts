import { describe, expect, it } from 'vitest'
import { formatSystemInfo } from '../../../dist/cli/text/system-table.js'
import { read, v2, withoutReaders } from '../support/machines.js'

const V1 = {
  '/proc/self/cgroup': '3:cpu:/a/b\n2:memory:/a/b\n',
  '/proc/self/mountinfo':
    '33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
}

describe.skipIf(withoutReaders)('systemInfo: how often limits were met', () => {
  it('reads the group whose limit binds, v2', () => {
    const { cpu, memory } = read(
      v2({
        '/sys/fs/cgroup/a/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/a/cpu.stat': 'usage_usec 9\nnr_periods 40\nnr_throttled 12\nthrottled_usec 340500\n',
        '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/a/b/cpu.stat': 'nr_periods 1\nnr_throttled 0\nthrottled_usec 0\n',
        '/sys/fs/cgroup/a/memory.max': '1073741824\n',
        '/sys/fs/cgroup/a/memory.events': 'low 0\nhigh 1\nmax 1\noom 1\noom_kill 1\n',
        '/sys/fs/cgroup/a/b/memory.high': '536870912\n',
        '/sys/fs/cgroup/a/b/memory.events': 'low 0\nhigh 7\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n',
      }),
    )
    expect(cpu).toMatchObject({ throttledPeriods: 12, throttledMs: 340.5 })
    expect(memory).toMatchObject({ highEvents: 7, maxEvents: 3, oomKills: 1 })
  })

  it('reads the group whose limit binds, v1', () => {
    const { cpu, memory } = read({
      ...V1,
      '/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/a/b/cpu.stat': 'nr_periods 40\nnr_throttled 12\nthrottled_time 340500000\n',
      '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '536870912\n',
      '/sys/fs/cgroup/memory/a/memory.failcnt': '5\n',
      '/sys/fs/cgroup/memory/a/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    })
    expect(cpu).toMatchObject({ throttledPeriods: 12, throttledMs: 340.5 })
    expect(memory).toMatchObject({ highEvents: null, maxEvents: 5, oomKills: 2 })
  })

  it('knows nothing without a limit, or where a file is missing or senseless', () => {
    const files = { '/sys/fs/cgroup/a/b/cpu.stat': 'nr_throttled 1\n', '/sys/fs/cgroup/a/b/memory.events': 'max 1\n' }
    const without = read(v2(files))
    expect(without.cpu).toMatchObject({ throttledPeriods: null, throttledMs: null })
    expect(without.memory).toMatchObject({ highEvents: null, maxEvents: null, oomKills: null })
    const senseless = read(
      v2({
        '/sys/fs/cgroup/a/b/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/a/b/cpu.stat': 'nr_throttled x\nthrottled_usec -1\n',
        '/sys/fs/cgroup/a/b/memory.max': '536870912\n',
      }),
    )
    expect(senseless.cpu).toMatchObject({ quotaCpus: 0.5, throttledPeriods: null, throttledMs: null })
    expect(senseless.memory).toMatchObject({ maxEvents: null })
  })

  it('shows them in the table', () => {
    const info = read(
      v2({
        '/sys/fs/cgroup/a/b/cpu.max': '50000 100000\n',
        '/sys/fs/cgroup/a/b/cpu.stat': 'nr_throttled 12\nthrottled_usec 340500\n',
        '/sys/fs/cgroup/a/b/memory.high': '536870912\n',
        '/sys/fs/cgroup/a/b/memory.events': 'high 7\nmax 3\noom_kill 1\n',
      }),
    )
    const text = formatSystemInfo(info)
    expect(text).toMatch(/throttled by the quota +12 periods, 340\.5 ms/)
    expect(text).toMatch(/limit met \/ processes killed for it +7 slowed down, 3 \/ 1/)
  })
})
