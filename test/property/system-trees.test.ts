import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readSystemInfo } from '../../dist/testing/index.js'
import { FileTree, type Files } from '../unit/support/file-tree.js'

// Trees are written from a model of a machine, and what they must say is worked out from the model, in whole numbers and by the
// rules of the kernel's documents: slowly, and without a line in common with the readers.

const skip = process.platform !== 'linux' || process.env['AMORSIZE_NATIVE'] === '0'

interface Group {
  max: number | null
  high: number | null
  usage: number
  inactive: number
  active: number
  quota: { us: number; periodUs: number } | null
  pids: { max: number | null; current: number }
}

interface Machine {
  version: 'v1' | 'v2'
  /** From the root of the hierarchy (which has no limits) down to the process's own group. */
  groups: Group[]
  /** Index of the group that is mounted; 0 shows all. */
  mounted: number
  memAvailable: number
  cores: number[][]
  offline: Set<number>
  affinity: number[]
}

const bytes = fc.integer({ min: 0, max: 2 ** 40 }).map((n) => n - (n % 4096))
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const group: fc.Arbitrary<Group> = fc.record({
  max: sometimes(bytes),
  high: sometimes(bytes),
  usage: bytes,
  inactive: bytes,
  active: bytes,
  quota: sometimes(
    fc.record({ us: fc.integer({ min: 1000, max: 4_000_000 }), periodUs: fc.integer({ min: 1000, max: 1_000_000 }) }),
  ),
  pids: fc.record({ max: sometimes(fc.nat(5000)), current: fc.nat(6000) }),
})

/** Numbers CPUs through shuffled slots, so that siblings are neighbours, far apart, or anything else. */
const topology = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 }).chain((widths) => {
  const cpus = widths.reduce((sum, width) => sum + width, 0)
  const numbers = fc.shuffledSubarray(
    Array.from({ length: cpus + 5 }, (_, i) => i),
    { minLength: cpus, maxLength: cpus },
  )
  return fc
    .record({ numbers, offline: fc.array(fc.nat(cpus - 1)), affinity: fc.array(fc.nat(cpus - 1), { minLength: 1 }) })
    .map((picked) => {
      let next = 0
      const cores = widths.map((width) => picked.numbers.slice(next, (next += width)))
      const at = (index: number) => picked.numbers[index]!
      const affinity = [...new Set(picked.affinity.map(at))]
      // The kernel never leaves a process without an online CPU.
      const offline = new Set(picked.offline.map(at).filter((cpu) => !affinity.includes(cpu)))
      return { cores, offline, affinity }
    })
})

const machine: fc.Arbitrary<Machine> = fc
  .record({
    version: fc.constantFrom('v1' as const, 'v2' as const),
    groups: fc.array(group, { minLength: 1, maxLength: 5 }),
    seed: fc.nat(),
    memAvailable: bytes,
    topology,
  })
  .map(({ groups, seed, topology: cpus, ...rest }) => ({
    ...rest,
    ...cpus,
    groups: [
      { max: null, high: null, usage: 0, inactive: 0, active: 0, quota: null, pids: { max: null, current: 0 } },
      ...groups,
    ],
    mounted: seed % (groups.length + 1),
  }))

const pathOf = (index: number) => Array.from({ length: index }, (_, i) => `/g${i + 1}`).join('')

function writeGroup(files: Files, model: Machine, index: number): void {
  const { max, high, usage, inactive, active, quota, pids } = model.groups[index]!
  const below = pathOf(index).slice(pathOf(model.mounted).length)
  const at = (controller: string, file: string) =>
    model.version === 'v2' ? `/sys/fs/cgroup${below}/${file}` : `/sys/fs/cgroup/${controller}${below}/${file}`
  const isRoot = index === 0
  if (model.version === 'v2') {
    files[at('', 'cgroup.controllers')] = 'cpu memory pids\n'
    if (isRoot) return
    files[at('', 'cgroup.type')] = 'domain\n'
    files[at('', 'memory.max')] = `${max ?? 'max'}\n`
    files[at('', 'memory.high')] = `${high ?? 'max'}\n`
    files[at('', 'memory.current')] = `${usage}\n`
    files[at('', 'memory.stat')] = `anon 1\ninactive_file ${inactive}\nactive_file ${active}\n`
    files[at('', 'cpu.max')] = `${quota?.us ?? 'max'} ${quota?.periodUs ?? 100_000}\n`
  } else {
    const hierarchical = Math.min(...model.groups.slice(0, index + 1).map((g) => g.max ?? Infinity))
    files[at('memory', 'memory.limit_in_bytes')] = `${max ?? '9223372036854771712'}\n`
    files[at('memory', 'memory.usage_in_bytes')] = `${usage}\n`
    files[at('memory', 'memory.stat')] =
      `inactive_file 7\nhierarchical_memory_limit ${hierarchical === Infinity ? '9223372036854771712' : hierarchical}\ntotal_inactive_file ${inactive}\ntotal_active_file ${active}\n`
    if (isRoot)
      for (const controller of ['cpu', 'memory', 'pids']) files[at(controller, 'cgroup.sane_behavior')] = '0\n'
    if (isRoot) return
    files[at('cpu', 'cpu.cfs_quota_us')] = `${quota?.us ?? -1}\n`
    files[at('cpu', 'cpu.cfs_period_us')] = `${quota?.periodUs ?? 100_000}\n`
  }
  files[at('pids', 'pids.max')] = `${pids.max ?? 'max'}\n`
  files[at('pids', 'pids.current')] = `${pids.current}\n`
}

function writeTree(model: Machine): Files {
  const own = pathOf(model.groups.length - 1)
  const root = pathOf(model.mounted) || '/'
  const files: Files = { '/proc/meminfo': `MemTotal: ${2 ** 32} kB\nMemAvailable: ${model.memAvailable / 1024} kB\n` }
  if (model.version === 'v2') {
    files['/proc/self/cgroup'] = `0::${own}\n`
    files['/proc/self/mountinfo'] = `25 30 0:22 ${root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n`
  } else {
    const controllers = ['cpu', 'memory', 'pids']
    files['/proc/self/cgroup'] = controllers.map((name, i) => `${i + 1}:${name}:${own}\n`).join('') + '0::/\n'
    files['/proc/self/mountinfo'] = controllers
      .map((name, i) => `${i} 1 0:${i} ${root} /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`)
      .join('')
  }
  for (let index = model.mounted; index < model.groups.length; index++) writeGroup(files, model, index)
  const online = model.cores
    .flat()
    .filter((cpu) => !model.offline.has(cpu))
    .sort((a, b) => a - b)
  files['/sys/devices/system/cpu/online'] = `${online.join(',')}\n`
  for (const core of model.cores) {
    const present = core.filter((cpu) => !model.offline.has(cpu))
    for (const cpu of present)
      files[`/sys/devices/system/cpu/cpu${cpu}/topology/core_cpus_list`] = `${present.join(',')}\n`
  }
  return files
}

const lowest = (values: (number | null)[]) => {
  const known = values.filter((value) => value !== null)
  return known.length > 0 ? Math.min(...known) : null
}

function expectedOf(model: Machine) {
  const { version } = model
  const visible = model.groups.slice(model.mounted)
  const quotas = visible.flatMap(({ quota }) => (quota === null ? [] : [quota]))
  const tightest = quotas.reduce<Group['quota']>(
    (best, one) =>
      best === null || BigInt(one.us) * BigInt(best.periodUs) < BigInt(best.us) * BigInt(one.periodUs) ? one : best,
    null,
  )
  const ceil = tightest === null ? Infinity : Math.ceil(tightest.us / tightest.periodUs)
  const online = (core: number[]) => core.filter((cpu) => !model.offline.has(cpu))
  const usable = (core: number[]) => online(core).some((cpu) => model.affinity.includes(cpu))
  const physicalCores = model.cores.filter(usable).length

  // The hierarchical limit of v1 shows hidden ancestors too.
  const reach = version === 'v1' ? model.groups : visible
  const limitBytes = lowest(reach.map((g) => g.max))
  const highBytes = version === 'v1' ? null : lowest(visible.map((g) => g.high))
  const headrooms = model.groups.flatMap((g, index) => {
    if (index < model.mounted) return []
    const inherited = version === 'v1' ? lowest(model.groups.slice(0, index + 1).map((one) => one.max)) : g.max
    const bound = lowest([inherited, version === 'v1' ? null : g.high])
    return bound === null ? [] : [Math.max(0, bound - Math.max(0, g.usage - Math.max(g.inactive, g.active)))]
  })
  return {
    cpu: {
      quotaCpus: tightest === null ? null : tightest.us / tightest.periodUs,
      affinityLogical: model.affinity.length,
      parallelism: Math.max(1, Math.min(model.affinity.length, ceil)),
      physicalCores,
      physicalCoresOnline: model.cores.filter((core) => online(core).length > 0).length,
      smtWidth: Math.max(...model.cores.map((core) => online(core).length)),
      cpuWorkers: Math.max(1, Math.min(physicalCores, ceil)),
      controller: version,
      ancestorsVisible: model.mounted === 0,
    },
    memory: { limitBytes, highBytes, availableBytes: lowest([model.memAvailable, ...headrooms]) },
    pids: {
      limit: lowest(visible.map((g) => g.pids.max)),
      available: lowest(visible.map((g) => (g.pids.max === null ? null : Math.max(0, g.pids.max - g.pids.current)))),
    },
  }
}

describe.skipIf(skip)('readSystemInfo over generated machines (needs Linux and the addon)', () => {
  it('says what the model of the machine says', () => {
    fc.assert(
      fc.property(machine, (model) => {
        using tree = new FileTree(writeTree(model))
        expect(readSystemInfo({ root: tree.root, affinity: model.affinity })).toMatchObject(expectedOf(model))
      }),
      { numRuns: 150 },
    )
  })

  it('never throws, and never reports a number that is no number, whatever the files hold', () => {
    const names = Object.keys(
      writeTree({
        version: 'v2',
        groups: [
          { max: 1, high: 1, usage: 1, inactive: 1, active: 1, quota: null, pids: { max: 1, current: 1 } },
          { max: 1, high: 1, usage: 1, inactive: 1, active: 1, quota: null, pids: { max: 1, current: 1 } },
        ],
        mounted: 0,
        memAvailable: 0,
        cores: [[0]],
        offline: new Set(),
        affinity: [0],
      }),
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[0-9 :,/\n.-]*(max|\/\.\.)?[0-9 :,/\n-]*$/),
    )
    fc.assert(
      fc.property(fc.record(Object.fromEntries(names.map((name) => [name, text])), { requiredKeys: [] }), (files) => {
        using tree = new FileTree(files as Files)
        const info = readSystemInfo({ root: tree.root, affinity: '0-1' })
        expect(info.cpu.parallelism).toBeGreaterThanOrEqual(1)
        const numbers = Object.values({ ...info.cpu, ...info.memory, ...info.pids }).filter(
          (value) => typeof value === 'number',
        )
        for (const value of numbers) expect(value).toSatisfy((n: number) => Number.isFinite(n) && n >= 0)
      }),
      { numRuns: 150 },
    )
  })
})
