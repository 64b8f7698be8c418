import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatSystemInfo } from '../../../dist/cli/text/system-table.js'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { FileTree } from '../support/file-tree.js'
import { MIB, v2, withoutReaders } from '../support/machines.js'

/** Opens, and fails with EIO when it is read at its beginning. */
const FAILS_TO_READ = '/proc/self/mem'

const limited = v2({
  '/sys/fs/cgroup/a/memory.max': `${512 * MIB}\n`,
  '/sys/fs/cgroup/a/memory.current': `${100 * MIB}\n`,
  '/sys/fs/cgroup/a/b/memory.max': `${128 * MIB}\n`,
  '/sys/fs/cgroup/a/b/memory.current': `${28 * MIB}\n`,
  '/sys/fs/cgroup/a/b/cpu.max': '150000 100000\n',
  '/sys/fs/cgroup/a/b/pids.max': '50\n',
  '/sys/fs/cgroup/a/b/pids.current': '10\n',
})

function failing(path: string) {
  using tree = new FileTree(limited)
  rmSync(join(tree.root, path))
  symlinkSync(FAILS_TO_READ, join(tree.root, path))
  return readSystemInfo({ root: tree.root, affinity: '0-3' })
}

describe.skipIf(withoutReaders)('a file that is there and cannot be read (needs Linux and the addon)', () => {
  it('is named; a file that is missing is not', () => {
    using tree = new FileTree(limited)
    expect(readSystemInfo({ root: tree.root, affinity: '0-3' }).unreadable).toEqual([])
    const info = failing('/sys/fs/cgroup/a/b/memory.max')
    expect(info.unreadable).toEqual(['/sys/fs/cgroup/a/b/memory.max'])
    expect(formatSystemInfo(info)).toContain('limits may be lower than shown: /sys/fs/cgroup/a/b/memory.max')
  })

  it.each(['/sys/fs/cgroup/a/b/memory.max', '/sys/fs/cgroup/a/b/memory.current', '/proc/meminfo'])(
    'leaves what is available unknown: %s',
    (path) => {
      const { memory, pids, sources } = failing(path)
      expect(memory.availableBytes).toBeNull()
      expect(sources.availableBytes).toBeNull()
      expect(pids).toEqual({ limit: 50, available: 40 })
    },
  )

  it.each(['/proc/self/cgroup', '/proc/self/mountinfo'])('is no lack of control groups: %s', (path) => {
    const { memory, pids, unreadable } = failing(path)
    expect(memory.availableBytes).toBeNull()
    expect(pids.available).toBeNull()
    expect(unreadable).toEqual([path])
  })

  it('keeps the limits of the other levels, which bind all the same', () => {
    const { memory } = failing('/sys/fs/cgroup/a/b/memory.max')
    expect(memory).toMatchObject({ limitBytes: 512 * MIB, availableBytes: null })
    const { cpu, unreadable } = failing('/sys/fs/cgroup/a/b/cpu.max')
    expect(cpu).toMatchObject({ quotaCpus: null, affinityLogical: 4 })
    expect(unreadable).toEqual(['/sys/fs/cgroup/a/b/cpu.max'])
  })

  it('may be one of another user', () => {
    using tree = new FileTree(limited)
    const root = process.getuid?.() === 0
    chmodSync(tree.root, 0o755)
    chmodSync(join(tree.root, 'sys/fs/cgroup/a/b/memory.max'), 0)
    // Root may read everything, so it becomes nobody for a moment.
    if (root) process.seteuid?.(65_534)
    try {
      const { memory, unreadable } = readSystemInfo({ root: tree.root, affinity: '0-3' })
      expect(unreadable).toEqual(['/sys/fs/cgroup/a/b/memory.max'])
      expect(memory.availableBytes).toBeNull()
    } finally {
      if (root) process.seteuid?.(0)
    }
  })

  it('may be one for which no descriptor is left', () => {
    using tree = new FileTree(limited)
    const testing = new URL('../../../dist/testing/index.js', import.meta.url).href
    const script = `import { closeSync, openSync } from 'node:fs'
      import { readSystemInfo } from ${JSON.stringify(testing)}
      const read = () => readSystemInfo({ root: ${JSON.stringify(tree.root)}, affinity: '0-3' })
      read()
      const open = []
      try { for (;;) open.push(openSync('/dev/null')) } catch (error) { if (error.code !== 'EMFILE') throw error }
      const { memory, pids, unreadable } = read()
      for (const descriptor of open) closeSync(descriptor)
      console.log(JSON.stringify({ memory, pids, unreadable, afterwards: read().memory.availableBytes }))`
    const few = `ulimit -n 256; exec "$0" --input-type=module -e "$1"`
    const said = JSON.parse(execFileSync('sh', ['-c', few, process.execPath, script], { encoding: 'utf8' })) as {
      memory: { limitBytes: null; availableBytes: null }
      pids: object
      unreadable: string[]
      afterwards: number
    }
    expect(said.memory).toMatchObject({ limitBytes: null, availableBytes: null })
    expect(said.pids).toEqual({ limit: null, available: null })
    expect(said.unreadable).toEqual(expect.arrayContaining(['/proc/self/cgroup', '/proc/self/mountinfo']))
    expect(said.afterwards).toBe(100 * MIB)
  })
})
