import { execFileSync, spawnSync } from 'node:child_process'
import { totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'

/** Runs a command where /proc shows processes only, as systemd's ProcSubset=pid does. */
const inside = (command: string) => ['-m', 'sh', '-c', `mount -t proc -o subset=pid proc /proc && ${command}`]

const isPossible =
  process.env['AMORSIZE_NATIVE'] !== '0' &&
  spawnSync('unshare', inside('test ! -e /proc/meminfo && test -e /proc/self/status')).status === 0

describe.skipIf(!isPossible)('ProcSubset=pid (needs Linux 5.8, the addon, and the right to mount /proc)', () => {
  it('leaves the memory of the machine known, by sysinfo', () => {
    const entry = new URL('../../dist/system/index.js', import.meta.url).href
    const script = `import { systemInfo } from ${JSON.stringify(entry)}
      const { memory, sources, unreadable } = systemInfo()
      console.log(JSON.stringify({ memory, source: sources.availableBytes, unreadable }))`
    const said = execFileSync('unshare', inside(`exec '${process.execPath}' --input-type=module -e '${script}'`), {
      encoding: 'utf8',
    })
    const { memory, source, unreadable } = JSON.parse(said) as {
      memory: { totalBytes: number; machineAvailableBytes: number; availableBytes: number; swapTotalBytes: number }
      source: { file: string }
      unreadable: string[]
    }
    expect(memory.totalBytes).toBe(totalmem())
    expect(memory.machineAvailableBytes).toBeGreaterThan(0)
    expect(memory.machineAvailableBytes).toBeLessThanOrEqual(memory.totalBytes)
    expect(memory.availableBytes).toBeLessThanOrEqual(memory.machineAvailableBytes)
    expect(memory.swapTotalBytes).toBeGreaterThanOrEqual(0)
    expect(source.file).toMatch(/^sysinfo$|^\/sys\/fs\/cgroup\//)
    expect(unreadable).toEqual([])
  })
})
