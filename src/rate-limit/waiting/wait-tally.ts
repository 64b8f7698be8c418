import { DurationHistogram, type DurationSummary } from '../../internal/events/histogram.js'

/** Counts of the callers that wait for a limiter, across all its queues. */
export class WaitTally {
  /** How many callers wait. */
  waiting = 0
  /** Milliseconds that admitted callers have waited in all. */
  waitedMs = 0
  /** Made when needed: most limiters never make callers wait. */
  #waits: DurationHistogram | undefined

  /** Called when a wait has ended with tokens. */
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
