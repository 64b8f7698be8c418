/** The types of what `systemInfo()` reports. */

/**
 * How long tasks waited for a resource in the last ten seconds, in per cent (0–100).
 *
 * Source: the kernel's pressure stall information (psi.rst), `avg10`.
 */
export interface Pressure {
  /** Share of the time in which at least one task waited. */
  readonly some: number | null
  /** Share of the time in which all tasks waited; `null` if the kernel does not say (CPU before Linux 5.13). */
  readonly full: number | null
}

/** Cores that are alike. */
export interface CoreKind {
  /** Physical cores of this kind with a CPU that this process may use. */
  readonly cores: number
  /** Logical CPUs of this kind that this process may use. */
  readonly cpus: number
}

/** Cores and CPU time. Counts are logical CPUs unless the name says otherwise; unknown is `null`. */
export interface CpuInfo {
  /** Logical CPUs switched on. Source: `/sys/devices/system/cpu/online`, else `/proc/cpuinfo`. */
  readonly onlineLogical: number | null
  /** Logical CPUs this thread may run on (taskset, cpuset, container). Source: `sched_getaffinity`. */
  readonly affinityLogical: number | null
  /**
   * CPU time the control groups allow, in CPUs: the exact minimum of quota/period over this process's group and all visible
   * ancestors. `null` when there is none. Source: `cpu.max` (v2), `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1).
   */
  readonly quotaCpus: number | null
  /**
   * Periods of the quota in which a thread had to wait for the next one, in the group whose quota binds, since that group was made. `null`
   * without a quota. Source: `nr_throttled` of `cpu.stat`.
   */
  readonly throttledPeriods: number | null
  /** How long threads waited for the quota, over all CPUs, in milliseconds. Source: `throttled_usec` (v2), `throttled_time` (v1). */
  readonly throttledMs: number | null
  /** min(`affinityLogical`, `quotaCpus`), in CPUs, fractional. */
  readonly usableCpus: number | null
  /** max(1, `usableCpus` rounded up): threads that use all the time there is. */
  readonly parallelism: number
  /** max(1, `usableCpus` rounded down): threads that are never throttled. */
  readonly parallelismFloor: number
  /** Physical cores with a CPU switched on. Never guessed from the logical count. Source: see `physicalCores`. */
  readonly physicalCoresOnline: number | null
  /**
   * Physical cores with a CPU that this process may use. Source: `topology/core_cpus_list` of each CPU, else
   * `thread_siblings_list`, else package, die and core ids, else the ids of `/proc/cpuinfo`.
   */
  readonly physicalCores: number | null
  /** max(1, min(`physicalCores` ?? `affinityLogical`, `quotaCpus` rounded up)): size of a pool of busy threads. */
  readonly cpuWorkers: number
  /** Online threads of the widest core: 1 without SMT. */
  readonly smtWidth: number | null
  /** Packages (sockets) with a CPU switched on. Source: `topology/package_cpus_list`, else `physical_package_id`. */
  readonly packages: number | null
  /**
   * Kinds of cores, the fastest first; one entry if all are alike. Source: `cpu_capacity`, else the `cpu_core`, `cpu_atom`
   * and `cpu_lowpower` counter masks.
   */
  readonly kinds: readonly CoreKind[] | null
  /** NUMA nodes with a CPU that this process may use; nodes with memory only do not count. Source: `/sys/devices/system/node`. */
  readonly numaNodes: number | null
  /** Version of the control-group hierarchy that limits CPU time; `null` if there is none. Source: `/proc/self/cgroup`. */
  readonly controller: 'v1' | 'v2' | null
  /** Whether all ancestors of the group can be seen; `false` when limits may exist above what this container shows. */
  readonly ancestorsVisible: boolean | null
  /** The processor's name. Source: `/proc/cpuinfo`. */
  readonly model: string | null
  /** CPU pressure of the whole machine. Source: `/proc/pressure/cpu`. */
  readonly pressure: Pressure | null
  /** CPU pressure of this process's v2 group, even if v1 has the controllers. Source: `cpu.pressure`. */
  readonly groupPressure: Pressure | null
}

/** Memory, in bytes; unknown and unlimited are `null`. */
export interface MemoryInfo {
  /** Memory of the machine. Source: `MemTotal`. */
  readonly totalBytes: number | null
  /**
   * Memory of the NUMA nodes that a cpuset or a binding memory policy (`numactl --membind`) leaves this thread; `null` if it may use
   * all. Source: `get_mempolicy`, else `Mems_allowed_list`; the nodes' `meminfo`.
   */
  readonly nodesTotalBytes: number | null
  /**
   * The hard limit as configured: the minimum over this process's group and all visible ancestors. Beyond it the kernel kills.
   * Source: `memory.max` (v2); `memory.limit_in_bytes` and `hierarchical_memory_limit` of `memory.stat` (v1).
   */
  readonly limitBytes: number | null
  /** The lowest limit above which the kernel throttles and reclaims. Source: `memory.high` (v2). */
  readonly highBytes: number | null
  /** min(`totalBytes`, `nodesTotalBytes`, `limitBytes`, `highBytes`). */
  readonly effectiveLimitBytes: number | null
  /** The group's use less the page cache that the kernel drops before it kills: the longer of its inactive and active lists. */
  readonly workingSetBytes: number | null
  /**
   * Bytes that can still be allocated before the kernel throttles, refuses or kills. The minimum of `machineAvailableBytes`, of what the
   * NUMA nodes of this thread have left, of what the kernel may still promise (`vm.overcommit_memory` = 2), and, for each group with a
   * limit, of that limit less the group's own use. Page cache does not count (see `workingSetBytes`); a sibling's use does. `null` when
   * a limit, or the use of a limited group, cannot be read.
   */
  readonly availableBytes: number | null
  /** Memory that the whole machine has left. Source: `MemAvailable`, else `MemFree`; `sysinfo` if `/proc` shows processes only. */
  readonly machineAvailableBytes: number | null
  /** The lower of the soft limits RLIMIT_AS and RLIMIT_DATA (`ulimit -v`, `-d`); not merged into the others. */
  readonly addressSpaceLimitBytes: number | null
  /** Swap of the machine. Source: `SwapTotal`. */
  readonly swapTotalBytes: number | null
  /** Free swap of the machine. Source: `SwapFree`. */
  readonly swapFreeBytes: number | null
  /** The lowest limit of swap use over the groups. Source: `memory.swap.max` (v2). */
  readonly swapLimitBytes: number | null
  /**
   * How often the group whose limit binds, including the groups below it, was above `highBytes` and so held up, since that group was made;
   * `null` without a limit. Source: `high` of `memory.events` (v2).
   */
  readonly highEvents: number | null
  /** How often that group met its hard limit, and memory had to be freed. Source: `max` of `memory.events`, `memory.failcnt` (v1). */
  readonly maxEvents: number | null
  /**
   * Processes that the kernel has killed because of that limit. Source: `oom_kill` of `memory.events`; in v1 that of
   * `memory.oom_control`, from this process's own group up to that group.
   */
  readonly oomKills: number | null
  /** Size of a page: limits take effect in these units. */
  readonly pageSizeBytes: number | null
  /** Memory pressure of the whole machine. Source: `/proc/pressure/memory`. */
  readonly pressure: Pressure | null
  /** Memory pressure of this process's v2 group, even if v1 has the controllers. Source: `memory.pressure`. */
  readonly groupPressure: Pressure | null
  /** Version of the control-group hierarchy that limits memory; `null` if there is none. */
  readonly controller: 'v1' | 'v2' | null
  /** As {@link CpuInfo.ancestorsVisible}, for memory. */
  readonly ancestorsVisible: boolean | null
}

/** Tasks, that is processes and threads: a pool larger than `available` fails to start its threads. */
export interface PidsInfo {
  /** The minimum of `pids.max` over the groups and of RLIMIT_NPROC (which the kernel does not enforce on root). */
  readonly limit: number | null
  /** The least that any of these has left; for RLIMIT_NPROC only this process's own threads are subtracted. */
  readonly available: number | null
}

/** Where a number was found. */
export interface LimitSource {
  /** Absolute path of the file, or the name of a resource limit or system call. */
  readonly file: string
  /** Levels above this process's own group (0: its own group); `null` if it is not a group's limit. */
  readonly level: number | null
}

/** Where each limit was found; `null` if there is no such limit. */
export interface LimitSources {
  /** Source of `cpu.quotaCpus`. */
  readonly quotaCpus: LimitSource | null
  /** Source of `memory.limitBytes`. */
  readonly limitBytes: LimitSource | null
  /** Source of `memory.highBytes`. */
  readonly highBytes: LimitSource | null
  /** Source of `memory.swapLimitBytes`. */
  readonly swapLimitBytes: LimitSource | null
  /** Source of `memory.addressSpaceLimitBytes`. */
  readonly addressSpaceLimitBytes: LimitSource | null
  /** Source of `pids.limit`. */
  readonly pidsLimit: LimitSource | null
  /** Source of the limit that makes `availableBytes` as small as it is. */
  readonly availableBytes: LimitSource | null
}

/** The resources of the machine that this process may use at this moment. */
export interface SystemInfo {
  /** `'native'`: read by the addon; `'fallback'`: what Node offers, with all else `null`. */
  readonly source: 'native' | 'fallback'
  /** Processors. */
  readonly cpu: CpuInfo
  /** Memory, and what limits it. */
  readonly memory: MemoryInfo
  /** The limit of tasks, and how many of them are left. */
  readonly pids: PidsInfo
  /** Where each limit was found. */
  readonly sources: LimitSources
  /**
   * Files that exist but could not be read: no descriptor left, no permission, an I/O error. A limit in one of them is unknown, so
   * the true limits may be lower than those found. Usually empty; at most 64.
   */
  readonly unreadable: readonly string[]
}

/** The addon's answer. */
export type NativeSystemInfo = Omit<SystemInfo, 'source'>
