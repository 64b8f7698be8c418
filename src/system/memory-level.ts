import type { SystemInfo } from './system-info.js'

/** Of the limit: what was high is high until it is lower by this. */
const HYSTERESIS = 0.05

/** Where memory stands, as far as it is judged. */
export type MemoryFacts = Pick<
  SystemInfo['memory'],
  'workingSetBytes' | 'effectiveLimitBytes' | 'highEvents' | 'maxEvents' | 'oomKills'
>

/**
 * Whether memory is short, look by look: the working set is above a share of the limit, or the kernel has had to act since the look before. It
 * stays so until both have passed.
 */
export class MemoryLevel {
  isHigh = false
  /** Working set over limit; null where either is not known. */
  ratio: number | null = null
  readonly #highRatio: number
  #events: number | undefined = undefined

  constructor(highRatio: number) {
    this.#highRatio = highRatio
  }

  /** @returns whether it is high now */
  look({ workingSetBytes, effectiveLimitBytes, highEvents, maxEvents, oomKills }: MemoryFacts): boolean {
    const isKnown = workingSetBytes !== null && effectiveLimitBytes !== null && effectiveLimitBytes > 0
    this.ratio = isKnown ? workingSetBytes / effectiveLimitBytes : null
    const events = (highEvents ?? 0) + (maxEvents ?? 0) + (oomKills ?? 0)
    const hasActed = this.#events !== undefined && events > this.#events
    this.#events = events
    const most = this.isHigh ? this.#highRatio - HYSTERESIS : this.#highRatio
    return (this.isHigh = hasActed || (this.ratio !== null && this.ratio > most))
  }
}
