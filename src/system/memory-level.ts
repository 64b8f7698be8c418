import type { MemoryInfo } from './system-info.js'

/** Of the limit: what was high is high until it is lower by this, or by half where that is less: nothing is below zero. */
const HYSTERESIS = 0.05

/** Where memory stands, as far as it is judged. */
export type MemoryFacts = Pick<MemoryInfo, 'workingSetBytes' | 'effectiveLimitBytes' | 'oomKills'> &
  Partial<Pick<MemoryInfo, 'totalBytes' | 'availableBytes'>>

/**
 * Whether memory is short, look by look: what is in use is above a share of the limit, or the kernel has killed a process for it since the
 * look before. It stays so until neither holds. That the limit was met says nothing: a program that reads many files meets it all the time,
 * and the kernel drops what it has read.
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
 * The working set of a group over its limit. If only the machine limits it, or the group's use is unknown, all memory of the machine that is
 * not available counts: the next allocation meets that.
 */
function shareInUse({ workingSetBytes, effectiveLimitBytes, totalBytes, availableBytes }: MemoryFacts): number | null {
  if (effectiveLimitBytes === null || effectiveLimitBytes <= 0) return null
  const isOfGroup = workingSetBytes !== null && (totalBytes == null || effectiveLimitBytes < totalBytes)
  if (isOfGroup) return workingSetBytes / effectiveLimitBytes
  if (availableBytes != null) return Math.max(0, 1 - availableBytes / effectiveLimitBytes)
  return workingSetBytes === null ? null : workingSetBytes / effectiveLimitBytes
}
