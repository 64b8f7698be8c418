import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../../dist/testing/index.js'
import { FileTree, type Files } from '../support/file-tree.js'
import { read, v2, withoutReaders } from '../support/machines.js'

describe.skipIf(withoutReaders)('readSystemInfo: topology', () => {
  const ids = (cpu: number, ...[pkg, die, core]: number[]): Files => ({
    [`/sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`]: `${pkg}\n`,
    [`/sys/devices/system/cpu/cpu${cpu}/topology/die_id`]: `${die}\n`,
    [`/sys/devices/system/cpu/cpu${cpu}/topology/core_id`]: `${core}\n`,
  })

  it('falls back on package, die and core ids', () => {
    const files = { ...v2(), ...ids(0, 0, 0, 0), ...ids(1, 0, 0, 0), ...ids(2, 0, 1, 0), ...ids(3, 1, 0, 0) }
    expect(read(files).cpu).toMatchObject({ physicalCores: 3, physicalCoresOnline: 3, smtWidth: 2, packages: 2 })
  })

  it('falls back on the ids of cpuinfo', () => {
    const block = (cpu: number, pkg: number, core: number) =>
      `processor\t: ${cpu}\nmodel name\t: Test CPU\nphysical id\t: ${pkg}\ncore id\t\t: ${core}\n\n`
    const files = v2({ '/proc/cpuinfo': block(0, 0, 0) + block(1, 0, 0) + block(2, 1, 0) + block(3, 1, 1) })
    expect(read(files).cpu).toMatchObject({ physicalCores: 3, smtWidth: 2, model: 'Test CPU', packages: null })
    expect(read(files, { affinity: '0-1' }).cpu).toMatchObject({
      physicalCores: 1,
      physicalCoresOnline: 3,
      cpuWorkers: 1,
    })
  })

  it('does not count cores when one online CPU is unknown', () => {
    const files = { ...v2(), ...ids(0, 0, 0, 0), ...ids(1, 0, 0, 1), ...ids(2, 0, 0, 2) }
    expect(read(files).cpu).toMatchObject({
      physicalCores: null,
      physicalCoresOnline: null,
      kinds: null,
      cpuWorkers: 4,
    })
  })

  it('counts the CPUs of cpuinfo where sysfs has no list', () => {
    const { cpu } = read({ '/proc/cpuinfo': 'processor : 0\nprocessor : 1\nprocessor : 5\n' })
    expect(cpu).toMatchObject({ onlineLogical: 3, affinityLogical: 4 })
  })

  it('takes the affinity of the tree when none is given', () => {
    using tree = new FileTree(v2({ '/proc/self/status': 'Cpus_allowed_list:\t1-9\n' }))
    expect(readSystemInfo({ root: tree.root }).cpu.affinityLogical).toBe(3)
    using bare = new FileTree(v2())
    expect(readSystemInfo({ root: bare.root }).cpu.affinityLogical).toBe(4)
  })

  it('accepts the affinity as numbers', () => {
    using tree = new FileTree(v2())
    expect(readSystemInfo({ root: tree.root, affinity: [0, 2, 2] }).cpu.affinityLogical).toBe(2)
  })
})
