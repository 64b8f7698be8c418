import { attempt } from '../internal/attempt.js'
import { builtins } from '../internal/builtins.js'
import type { CpuInfo, MemoryInfo, SystemInfo } from './system-info.js'

/** Returns a count or size, or null for the 0 or huge sentinel by which Node says that it does not know. */
function known(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) && value > 0 && value < 2 ** 62 ? value : null
}

function readCpu(): CpuInfo {
  const { availableParallelism, cpus } = builtins.os
  // Newer versions of libuv mix the quota into this number, so it says nothing exact about the affinity mask.
  const parallelism = known(attempt(availableParallelism)) ?? 1
  const processors = attempt(cpus) ?? []
  const model = processors[0]?.model.trim() ?? ''
  return {
    onlineLogical: known(processors.length),
    affinityLogical: null,
    quotaCpus: null,
    throttledPeriods: null,
    throttledMs: null,
    usableCpus: null,
    parallelism,
    parallelismFloor: parallelism,
    physicalCoresOnline: null,
    physicalCores: null,
    cpuWorkers: parallelism,
    smtWidth: null,
    packages: null,
    kinds: null,
    numaNodes: null,
    controller: null,
    ancestorsVisible: null,
    model: model === '' || model === 'unknown' ? null : model,
    pressure: null,
    groupPressure: null,
  }
}

function readMemory(): MemoryInfo {
  const { freemem, totalmem } = builtins.os
  const totalBytes = known(attempt(totalmem))
  const limitBytes = known(attempt(() => process.constrainedMemory()))
  const machineAvailableBytes = known(attempt(freemem))
  const bounds = [totalBytes, limitBytes].filter((bytes) => bytes !== null)
  return {
    totalBytes,
    nodesTotalBytes: null,
    limitBytes,
    highBytes: null,
    effectiveLimitBytes: bounds.length > 0 ? Math.min(...bounds) : null,
    workingSetBytes: null,
    availableBytes: known(attempt(() => process.availableMemory())) ?? machineAvailableBytes,
    machineAvailableBytes,
    addressSpaceLimitBytes: null,
    swapTotalBytes: null,
    swapFreeBytes: null,
    swapLimitBytes: null,
    highEvents: null,
    maxEvents: null,
    oomKills: null,
    pageSizeBytes: null,
    pressure: null,
    groupPressure: null,
    controller: null,
    ancestorsVisible: null,
  }
}

/** The facts that Node offers if the addon cannot be loaded; the rest is unknown. */
export function readFallback(): SystemInfo {
  return {
    source: 'fallback',
    cpu: readCpu(),
    memory: readMemory(),
    pids: { limit: null, available: null },
    sources: {
      quotaCpus: null,
      limitBytes: null,
      highBytes: null,
      swapLimitBytes: null,
      addressSpaceLimitBytes: null,
      pidsLimit: null,
      availableBytes: null,
    },
    unreadable: [],
  }
}
