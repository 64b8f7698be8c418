import { type Clock, timeOf } from '../internal/clock.js'
import { nsFromMs } from '../internal/rate.js'
import type { Bucket, Ticket } from './bucket.js'
import { CLAIM_LEASE_NS, OUTCOME, type Outcome, type Position, TwinTokenBucket } from './token-bucket.js'
import { msFromWait, waitNsFromMs } from './twin-times.js'

type TwinTicket = Ticket & { readonly at: Position }

/** A token bucket through the TypeScript twin. */
export class TwinBucket implements Bucket {
  readonly take: () => undefined | false
  readonly #core: TwinTokenBucket
  readonly #clock: Clock

  constructor(view: BigInt64Array, clock: Clock) {
    this.#core = new TwinTokenBucket(view)
    this.#clock = clock
    this.take = () => (this.tryAcquire(1) === OUTCOME.granted ? undefined : false)
  }

  static create(view: BigInt64Array, rate: number, burst: number, clock: Clock): TwinBucket {
    new TwinTokenBucket(view).initialize(nsFromMs(timeOf(clock)), rate, burst)
    return new TwinBucket(view, clock)
  }

  tryAcquire(tokens: number): Outcome {
    return this.#core.tryAcquire(this.#nowNs(), tokens)
  }

  reserve(tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: TwinTicket } {
    const { outcome, waitNs, at } = this.#core.reserve(this.#nowNs(), tokens, waitNsFromMs(maxWaitMs))
    return { outcome, ticket: { waitMs: msFromWait(waitNs), at } }
  }

  isStale(ticket: TwinTicket): boolean {
    return this.#core.parameters().generation !== ticket.at.generation
  }

  renew(ticket: TwinTicket): TwinTicket {
    const { waitNs, at } = this.#core.remaining(this.#nowNs(), ticket.at)
    return { waitMs: msFromWait(waitNs), at }
  }

  cancel(ticket: TwinTicket, tokens: number): number {
    return this.#core.cancel(this.#nowNs(), ticket.at, tokens)
  }

  refund(tokens: number): number {
    return this.#core.refund(this.#nowNs(), tokens)
  }

  charge(tokens: number): Outcome {
    return this.#persistently(() => this.#core.charge(this.#nowNs(), tokens))
  }

  available(): number {
    return this.#core.available(this.#nowNs())
  }

  update(rate: number, burst: number): Outcome {
    return this.#persistently(() => this.#core.update(this.#nowNs(), rate, burst))
  }

  pause(ms: number): Outcome {
    const untilNs = this.#nowNs() + nsFromMs(ms)
    return this.#persistently(() => this.#core.pause(this.#nowNs(), untilNs))
  }

  reset(): Outcome {
    return this.#persistently(() => this.#core.reset(this.#nowNs()))
  }

  parameters(): { requestsPerSecond: number; burstSize: number } {
    const { rate, burst } = this.#core.parameters()
    return { requestsPerSecond: rate, burstSize: burst }
  }

  #nowNs(): bigint {
    return nsFromMs(timeOf(this.#clock))
  }

  /** Repeats a change while another thread makes one; if that thread died in it, its claim lapses within these attempts. */
  #persistently(change: () => Outcome): Outcome {
    const deadlineMs = performance.now() + (2 * Number(CLAIM_LEASE_NS)) / 1e6
    for (;;) {
      const outcome = change()
      if (outcome !== OUTCOME.busy || performance.now() > deadlineMs) return outcome
    }
  }
}
