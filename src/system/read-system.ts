import { nativeAddon } from '../internal/native.js'
import { readFallback } from './fallback.js'
import type { NativeSystemInfo, SystemInfo } from './system-info.js'

declare module '../internal/native.js' {
  interface NativeAddon {
    systemInfo(): NativeSystemInfo
    /** Linux only. An empty `affinity` stands for the tree's own. */
    systemTree?(root: string, affinity: string, pid: number, pageSize: number): NativeSystemInfo
  }
}

/**
 * Reads how many cores and how much memory this process may use: control groups (v1, v2 and both at once, with all visible
 * ancestors), CPU affinity, topology and resource limits. Everything is read afresh, so a container resized in place is seen.
 *
 * @returns the facts; a field is `null` if the kernel does not say. Never throws.
 *
 * Thread-safety: any thread may call it; affinity is that of the calling thread.
 * Cost: one call into the addon, about 0.2 ms on a machine of few CPUs; 6 to 12 µs more for each further physical core.
 *
 * @example
 * import { systemInfo } from 'amorsize/system'
 * const { cpu, memory } = systemInfo()
 * const threads = cpu.cpuWorkers
 * const bytesPerThread = (memory.availableBytes ?? 0) / threads
 */
export function systemInfo(): SystemInfo {
  const addon = nativeAddon()
  return addon === null ? readFallback() : { source: 'native', ...addon.systemInfo() }
}
