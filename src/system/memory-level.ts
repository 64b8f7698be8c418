import type { MemoryInfo } from './system-info.js'

/** A share of the limit: high memory stays high until it is below the threshold by this, or by half the threshold if that is less. */
const HYSTERESIS = 0.05

/** The facts by which memory is judged. */
export type MemoryFacts = Pick<MemoryInfo, 'workingSetBytes' | 'effectiveLimitBytes' | 'oomKills'> &
  Partial<Pick<MemoryInfo, 'totalBytes' | 'availableBytes'>>

/**
 * Judges at each look whether memory is short: its use is above a share of the limit, or the kernel has killed a process for it since the
 * last look. It stays short until neither holds. Meeting the limit says nothing: a program that reads many files meets it all the time,
 * and the kernel drops the pages that it has read.
 */
export class MemoryLevel {
  isHigh = false
  /** Use divided by the limit; null if that is not known. */
  ratio: number | null = null
  readonly #highRatio: number
  #kills: number | null = null

  constructor(highRatio: number) {
    this.#highRatio = highRatio
  }

  /** @returns whether it is high now */
  look(facts: MemoryFacts): boolean {
    const { oomKills } = facts
    this.ratio = shareInUse(facts)
    const hasKilled = this.#kills !== null && oomKills !== null && oomKills > this.#kills
    this.#kills = oomKills
    const most = this.isHigh ? Math.max(this.#highRatio - HYSTERESIS, this.#highRatio / 2) : this.#highRatio
    return (this.isHigh = hasKilled || (this.ratio !== null && this.ratio > most))
  }
}

/**
 * The working set of the group divided by its limit. If only the machine limits it, or the group's use is unknown, all memory of the
 * machine that is not available counts, because the next allocation meets that.
 */
function shareInUse({ workingSetBytes, effectiveLimitBytes, totalBytes, availableBytes }: MemoryFacts): number | null {
  if (effectiveLimitBytes === null || effectiveLimitBytes <= 0) return null
  const isOfGroup = workingSetBytes !== null && (totalBytes == null || effectiveLimitBytes < totalBytes)
  if (isOfGroup) return workingSetBytes / effectiveLimitBytes
  if (availableBytes != null) return Math.max(0, 1 - availableBytes / effectiveLimitBytes)
  return workingSetBytes === null ? null : workingSetBytes / effectiveLimitBytes
}
