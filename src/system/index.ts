/**
 * Exact detection of cores, quotas and memory: the entry `amorsize/system`.
 *
 * @module
 */
export { memoryPressure, type MemoryPressure, type MemoryPressureOptions } from './memory-pressure.js'
export type { MemoryFacts } from './memory-level.js'
export { systemInfo } from './read-system.js'
export type {
  CoreKind,
  CpuInfo,
  LimitSource,
  LimitSources,
  MemoryInfo,
  PidsInfo,
  Pressure,
  SystemInfo,
} from './system-info.js'
