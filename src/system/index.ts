/** Exact detection of cores, quotas and memory: the entry `amorsize/system`. */
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
