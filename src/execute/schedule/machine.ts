import { type SystemInfo, systemInfo } from '../../system/index.js'
import { MemoryLevel } from '../../system/memory-level.js'

/** The machine's limits for this process, as far as scheduling needs them. */
export interface Limits {
  /** Threads that can compute at the same time. */
  readonly cpuWorkers: number
  /** Threads that can still be started; null where nothing limits them. */
  readonly pidsAvailable: number | null
  /** Memory that can still be allocated; null where it is not known. */
  readonly availableBytes: number | null
  /** Workers that can be started at most, by threads and memory. */
  readonly mostWorkers: number
  /** Share of the last ten seconds in which tasks waited for a CPU, 0–1; null where the kernel does not say. */
  readonly cpuPressure: number | null
  /** Whether memory runs short, by the rule of `memoryPressure`. */
  readonly isMemoryHigh: boolean
}

/** The least memory that a worker takes: a V8 heap, stacks, Node's own modules. */
export const BYTES_PER_WORKER = 12 * 1024 * 1024
/** Threads that are kept for the process and for what a worker starts itself. */
const PIDS_KEPT = 4
/** Reading costs about 0.1 ms, and limits change rarely. */
const FRESH_MS = 1000

/** Above this share of the memory limit, runs have fewer workers and smaller chunks. */
const HIGH_MEMORY_RATIO = 0.9
/** Chunks are smaller by this factor then: what is copied lies in memory twice. */
const SMALLER_CHUNKS = 4

/** Reads the limits, and keeps them for a second. */
export class FreshLimits {
  readonly #read: () => SystemInfo
  readonly #now: () => number
  readonly #level = new MemoryLevel(HIGH_MEMORY_RATIO)
  #limits: Limits | undefined = undefined
  #atMs = 0

  /**
   * @param read - reads the machine
   * @param now - the time in ms
   */
  constructor(read: () => SystemInfo = systemInfo, now: () => number = () => performance.now()) {
    this.#read = read
    this.#now = now
  }

  read(): Limits {
    const nowMs = this.#now()
    if (this.#limits !== undefined && nowMs - this.#atMs <= FRESH_MS) return this.#limits
    this.#atMs = nowMs
    const info = this.#read()
    return (this.#limits = limitsOf(info, this.#level.look(info.memory)))
  }
}

const limits = new FreshLimits()

/** The limits, at most a second old. */
export function currentLimits(): Limits {
  return limits.read()
}

function limitsOf({ cpu, memory, pids }: SystemInfo, isMemoryHigh: boolean): Limits {
  const byPids = pids.available === null ? Infinity : Math.max(0, pids.available - PIDS_KEPT)
  const byMemory = memory.availableBytes === null ? Infinity : Math.floor(memory.availableBytes / BYTES_PER_WORKER)
  const some = (cpu.groupPressure ?? cpu.pressure)?.some ?? null
  return {
    cpuWorkers: cpu.cpuWorkers,
    pidsAvailable: pids.available,
    availableBytes: memory.availableBytes,
    mostWorkers: Math.max(0, Math.min(byPids, byMemory)),
    cpuPressure: some === null ? null : some / 100,
    isMemoryHigh,
  }
}

/** How long a chunk should take: less while memory is short. */
export function chunkMs({ isMemoryHigh }: Pick<Limits, 'isMemoryHigh'>, targetChunkMs: number): number {
  return isMemoryHigh ? targetChunkMs / SMALLER_CHUNKS : targetChunkMs
}

/** How many threads of a run may compute at once: one per core; while memory is short, half as many, but at least one. */
export function threadsFor({ cpuWorkers, isMemoryHigh }: Pick<Limits, 'cpuWorkers' | 'isMemoryHigh'>): number {
  return isMemoryHigh ? Math.max(1, Math.floor(cpuWorkers / 2)) : cpuWorkers
}

/**
 * How many workers a run has by default: one per core, less this thread if it works too. While memory is short, half of the cores count.
 *
 * @param bytesPerWorker - memory that each may use
 * @param adjustForLoad - whether cores that other programs use are left out
 */
export function sensibleWorkers(
  limits: Limits,
  mainWorks: boolean,
  bytesPerWorker: number,
  adjustForLoad: boolean,
): number {
  const idle = adjustForLoad && limits.cpuPressure !== null ? 1 - Math.min(0.9, limits.cpuPressure) : 1
  const cores = Math.max(1, Math.round(threadsFor(limits) * idle))
  const byMemory =
    limits.availableBytes === null
      ? Infinity
      : Math.floor(limits.availableBytes / Math.max(bytesPerWorker, BYTES_PER_WORKER))
  return Math.max(0, Math.min(cores - (mainWorks ? 1 : 0), limits.mostWorkers, byMemory))
}

/** A smaller heap would end too many tasks; but more than half of the available memory would end the process with them. */
const LEAST_HEAP_BYTES = 64 * 1024 * 1024
/** With 4 MiB a worker ends as it starts, and with a little more it can do next to nothing. */
export const SMALLEST_HEAP_BYTES = 8 * 1024 * 1024

/**
 * The heap of a worker by default: the available memory, divided among one worker per core and this thread.
 *
 * @param nodeBytes - what Node gives a worker by default
 * @returns undefined if that is less
 */
export function scarceHeapBytes(
  { availableBytes, cpuWorkers }: Pick<Limits, 'availableBytes' | 'cpuWorkers'>,
  nodeBytes: number,
): number | undefined {
  if (availableBytes === null) return undefined
  const least = Math.max(SMALLEST_HEAP_BYTES, Math.min(LEAST_HEAP_BYTES, availableBytes / 2))
  const part = Math.max(least, availableBytes / (cpuWorkers + 1))
  return part < nodeBytes ? part : undefined
}
