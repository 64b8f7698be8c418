import { DurationHistogram, type DurationSummary } from '../../internal/events/histogram.js'

/** Counts of the callers that wait for a limiter, over all its queues. */
export class WaitTally {
  /** How many wait. */
  waiting = 0
  /** Milliseconds that admitted callers have waited in all. */
  waitedMs = 0
  /** Most limiters are never waited for. */
  #waits: DurationHistogram | undefined

  /** A wait has ended well. */
  admitted(ms: number): void {
    this.waiting--
    this.waitedMs += ms
    ;(this.#waits ??= new DurationHistogram()).record(ms)
  }

  /** How long admitted callers have waited. */
  summary(): DurationSummary {
    return (this.#waits ?? new DurationHistogram()).summary()
  }
}
