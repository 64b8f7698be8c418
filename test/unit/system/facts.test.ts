import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formatSystemInfo } from '../../../dist/cli/text/system-table.js'
import { type SystemInfo, systemInfo } from '../../../dist/system/index.js'

const page = readFileSync(new URL('../../../docs/detection.md', import.meta.url), 'utf8')
const file = (name: string) => ({ file: `/g/${name}`, level: 0 })
const pressure = { some: 1, full: 2 }
const GIB = 2 ** 30

/** A machine of which everything is known. */
const full: SystemInfo = {
  source: 'native',
  cpu: {
    onlineLogical: 8,
    affinityLogical: 6,
    quotaCpus: 3.5,
    throttledPeriods: 1,
    throttledMs: 2,
    usableCpus: 3.5,
    parallelism: 4,
    parallelismFloor: 3,
    physicalCoresOnline: 4,
    physicalCores: 3,
    cpuWorkers: 3,
    smtWidth: 2,
    packages: 1,
    kinds: [{ cores: 3, cpus: 6 }],
    numaNodes: 1,
    controller: 'v2',
    ancestorsVisible: true,
    model: 'a processor',
    pressure,
    groupPressure: pressure,
  },
  memory: {
    totalBytes: 16 * GIB,
    nodesTotalBytes: 8 * GIB,
    limitBytes: 4 * GIB,
    highBytes: 3 * GIB,
    effectiveLimitBytes: 3 * GIB,
    workingSetBytes: GIB,
    availableBytes: 2 * GIB,
    machineAvailableBytes: 9 * GIB,
    addressSpaceLimitBytes: 64 * GIB,
    swapTotalBytes: 2 * GIB,
    swapFreeBytes: GIB,
    swapLimitBytes: GIB,
    highEvents: 1,
    maxEvents: 2,
    oomKills: 3,
    pageSizeBytes: 4096,
    pressure,
    groupPressure: pressure,
    controller: 'v2',
    ancestorsVisible: true,
  },
  pids: { limit: 100, available: 50 },
  sources: {
    quotaCpus: file('cpu.max'),
    limitBytes: file('memory.max'),
    highBytes: file('memory.high'),
    swapLimitBytes: file('memory.swap.max'),
    addressSpaceLimitBytes: file('RLIMIT_AS'),
    pidsLimit: file('pids.max'),
    availableBytes: file('memory.current'),
  },
  unreadable: [],
}
/** For programs only. */
const NOT_IN_THE_TABLE = ['cpu.groupPressure', 'memory.groupPressure', 'memory.pageSizeBytes']

const PARTS = ['cpu', 'memory', 'pids', 'sources'] as const
const facts = PARTS.flatMap((part) => Object.keys(full[part]).map((key) => [part, key] as const))

function otherThan(value: unknown): unknown {
  if (typeof value === 'number') return 3 * value + 1
  if (typeof value === 'boolean') return !value
  return typeof value === 'string' ? `${value}, another` : null
}

describe('each fact of systemInfo', () => {
  it('is here, and no other', () => {
    const info = systemInfo()
    for (const part of PARTS) expect(Object.keys(info[part]).sort()).toEqual(Object.keys(full[part]).sort())
  })

  it.each(facts)('%s.%s is shown by `amorsize system` and explained', (part, key) => {
    const value = (full[part] as unknown as Record<string, unknown>)[key]
    const changed = { ...full, [part]: { ...full[part], [key]: otherThan(value) } }
    const isShown = formatSystemInfo(changed) !== formatSystemInfo(full)
    expect(isShown).toBe(!NOT_IN_THE_TABLE.includes(`${part}.${key}`))
    // The page says what `sources` is as a whole.
    if (part !== 'sources') expect(page).toMatch(new RegExp(`\`(${part}\\.)?${key}\``))
  })
})
