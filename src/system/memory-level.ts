import type { SystemInfo } from './system-info.js'

/** Of the limit: what was high is high until it is lower by this. */
const HYSTERESIS = 0.05

/** Where memory stands, as far as it is judged. */
export type MemoryFacts = Pick<SystemInfo['memory'], 'workingSetBytes' | 'effectiveLimitBytes' | 'oomKills'>

/**
 * Whether memory is short, look by look: the working set is above a share of the limit, or the kernel has killed a process for it since the
 * look before. It stays so until neither holds. That the limit was met says nothing: whoever reads many files meets it all the time, and the
 * kernel drops what it has read.
 */
export class MemoryLevel {
  isHigh = false
  /** Working set over limit; null where either is not known. */
  ratio: number | null = null
  readonly #highRatio: number
  #kills: number | null = null

  constructor(highRatio: number) {
    this.#highRatio = highRatio
  }

  /** @returns whether it is high now */
  look({ workingSetBytes, effectiveLimitBytes, oomKills }: MemoryFacts): boolean {
    const isKnown = workingSetBytes !== null && effectiveLimitBytes !== null && effectiveLimitBytes > 0
    this.ratio = isKnown ? workingSetBytes / effectiveLimitBytes : null
    const hasKilled = this.#kills !== null && oomKills !== null && oomKills > this.#kills
    this.#kills = oomKills
    const most = this.isHigh ? this.#highRatio - HYSTERESIS : this.#highRatio
    return (this.isHigh = hasKilled || (this.ratio !== null && this.ratio > most))
  }
}
