import type { LimitSource, Pressure, SystemInfo } from '../../system/index.js'

/** A heading; or a name, its value and where the value was found. */
type Row = readonly [heading: string] | readonly [name: string, value: string, where: string]

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** A size as people read it: `512 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const scaled = bytes / 1024 ** power
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${UNITS[power] ?? 'B'}`
}

/** Where a limit was found, for people: the file and how far above this process's group. */
function describeSource(source: LimitSource | null): string {
  if (source === null) return ''
  if (source.level === null) return source.file
  if (source.level === 0) return `${source.file} (own group)`
  return `${source.file} (${source.level} ${source.level === 1 ? 'level' : 'levels'} up)`
}

function count(value: number | null): string {
  return value === null ? 'unknown' : String(Number(value.toFixed(3)))
}

function bytes(value: number | null, otherwise: string): string {
  return value === null ? otherwise : formatBytes(value)
}

function pressure(value: Pressure | null): string {
  if (value === null) return 'unknown'
  const parts = [value.some === null ? '' : `some ${value.some} %`, value.full === null ? '' : `full ${value.full} %`]
  return parts.filter((part) => part !== '').join(', ')
}

/** Where the number of usable CPUs comes from: it has no file of its own. */
function cpuLimit({ cpu, sources }: SystemInfo): string {
  if (cpu.usableCpus === null) return ''
  if (cpu.quotaCpus !== null && cpu.quotaCpus === cpu.usableCpus) return describeSource(sources.quotaCpus)
  if (cpu.affinityLogical !== null && cpu.onlineLogical !== null && cpu.affinityLogical < cpu.onlineLogical)
    return 'sched_getaffinity'
  return 'the machine'
}

function hierarchy(controller: 'v1' | 'v2' | null, ancestorsVisible: boolean | null, none: string): string {
  if (controller === null) return none
  return ancestorsVisible === false ? `${controller}; limits above this container cannot be seen` : controller
}

/** How often the group was slowed down above the lower limit, how often it met the hard one, and how many processes were killed. */
function limitMet({ highEvents, maxEvents, oomKills }: SystemInfo['memory']): string {
  const slowed = highEvents === null || highEvents === 0 ? '' : `${highEvents} slowed down, `
  return `${slowed}${count(maxEvents)} / ${count(oomKills)}`
}

function rowsOf(info: SystemInfo): readonly Row[] {
  const { cpu, memory, pids, sources } = info
  // Without the addon, null does not mean that there is no limit, only that Node does not say.
  const known = info.source === 'native'
  const none = known ? 'none' : 'unknown'
  const unlimited = known ? 'unlimited' : 'unknown'
  const kinds = cpu.kinds
    ?.map(
      (kind) =>
        `${kind.cores} ${kind.cores === 1 ? 'core' : 'cores'} of ${kind.cpus} ${kind.cpus === 1 ? 'CPU' : 'CPUs'}`,
    )
    .join(' + ')
  return [
    ['CPU'],
    ['usable CPUs', count(cpu.usableCpus), cpuLimit(info)],
    ['threads, always busy', String(cpu.cpuWorkers), 'one per physical core, within the quota'],
    ['threads, rounded up / down', `${cpu.parallelism} / ${cpu.parallelismFloor}`, ''],
    ['quota', cpu.quotaCpus === null ? none : `${count(cpu.quotaCpus)} CPUs`, describeSource(sources.quotaCpus)],
    ...(cpu.throttledPeriods === null
      ? []
      : [['throttled by the quota', `${cpu.throttledPeriods} periods, ${count(cpu.throttledMs)} ms`, ''] as const]),
    ['logical CPUs, usable of online', `${count(cpu.affinityLogical)} of ${count(cpu.onlineLogical)}`, ''],
    [
      'physical cores, usable of online',
      `${count(cpu.physicalCores)} of ${count(cpu.physicalCoresOnline)}`,
      kinds ?? '',
    ],
    [
      'threads per core / packages / NUMA nodes',
      `${count(cpu.smtWidth)} / ${count(cpu.packages)} / ${count(cpu.numaNodes)}`,
      '',
    ],
    ['pressure', pressure(cpu.pressure), ''],
    ['control group', hierarchy(cpu.controller, cpu.ancestorsVisible, none), ''],
    ['model', cpu.model ?? 'unknown', ''],
    ['Memory'],
    ['available', bytes(memory.availableBytes, 'unknown'), describeSource(sources.availableBytes)],
    ['hard limit', bytes(memory.limitBytes, none), describeSource(sources.limitBytes)],
    ['throttled above', bytes(memory.highBytes, none), describeSource(sources.highBytes)],
    ['effective limit', bytes(memory.effectiveLimitBytes, 'unknown'), ''],
    ...(memory.maxEvents === null ? [] : [['limit met / processes killed for it', limitMet(memory), ''] as const]),
    ['used by the group, less page cache', bytes(memory.workingSetBytes, 'unknown'), ''],
    [
      'machine, available of total',
      `${bytes(memory.machineAvailableBytes, 'unknown')} of ${bytes(memory.totalBytes, 'unknown')}`,
      '',
    ],
    ...(memory.nodesTotalBytes === null
      ? []
      : [['NUMA nodes of this process', bytes(memory.nodesTotalBytes, none), ''] as const]),
    ['address space', bytes(memory.addressSpaceLimitBytes, unlimited), describeSource(sources.addressSpaceLimitBytes)],
    [
      'swap, free of total',
      `${bytes(memory.swapFreeBytes, 'unknown')} of ${bytes(memory.swapTotalBytes, 'unknown')}`,
      '',
    ],
    ['swap limit', bytes(memory.swapLimitBytes, none), describeSource(sources.swapLimitBytes)],
    ['pressure', pressure(memory.pressure), ''],
    ['control group', hierarchy(memory.controller, memory.ancestorsVisible, none), ''],
    ['Tasks'],
    ['limit', pids.limit === null ? none : String(pids.limit), describeSource(sources.pidsLimit)],
    ['available', pids.limit === null ? unlimited : count(pids.available), ''],
  ]
}

/** Formats `info` as a table: what limits this process, and the file and level where each limit was found. */
export function formatSystemInfo(info: SystemInfo): string {
  const rows = rowsOf(info)
  const widthOf = (column: 0 | 1) => Math.max(...rows.map((row) => (row.length === 1 ? 0 : row[column].length)))
  const names = widthOf(0)
  // One long value, such as the processor's name, must not push all the sources to the right.
  const values = Math.min(24, widthOf(1))
  const lines = rows.map((row) => {
    if (row.length === 1) return row[0]
    return `  ${row[0].padEnd(names)}  ${row[1].padEnd(values)}  ${row[2]}`.trimEnd()
  })
  const note = info.source === 'native' ? [] : ['The native addon is not in use: this is what Node alone knows.']
  if (info.unreadable.length > 0)
    note.push(`Could not be read, so limits may be lower than shown: ${info.unreadable.join(', ')}`)
  return `${[...lines, ...note].join('\n')}\n`
}
