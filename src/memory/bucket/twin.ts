import { builtins } from '../../internal/builtins.js'
import type { Clock } from '../../internal/time/clock.js'
import { type Axis, placeOn } from '../shared/axis.js'
import { nsFromMs } from '../shared/rate.js'
import { msFromWait, nsOf, waitNsFromMs } from '../shared/twin-times.js'
import type { Bucket, Ticket } from './bucket.js'
import { CLAIM_LEASE_NS, OUTCOME, type Outcome, type Position, TwinTokenBucket } from './core.js'
import { NO_OTHERS, type OtherWaiters, TwinWaiters } from './waiter-rows.js'

type TwinTicket = Ticket & { readonly at: Position }

/** A token bucket through the TypeScript twin. */
export class TwinBucket implements Bucket {
  readonly take: () => undefined | false
  readonly #core: TwinTokenBucket
  readonly #clock: Clock
  #waiters: TwinWaiters | null = null

  constructor(view: BigInt64Array, clock: Clock) {
    this.#core = new TwinTokenBucket(view)
    this.#clock = clock
    this.take = () => (this.tryAcquire(1) === OUTCOME.granted ? undefined : false)
  }

  static create(view: BigInt64Array, rate: number, burst: number, clock: Clock): TwinBucket {
    new TwinTokenBucket(view).initialize(nsOf(clock), rate, burst)
    return new TwinBucket(view, clock)
  }

  tryAcquire(tokens: number): Outcome {
    return this.#core.tryAcquire(nsOf(this.#clock), tokens)
  }

  reserve(tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: TwinTicket } {
    const { outcome, waitNs, at } = this.#core.reserve(nsOf(this.#clock), tokens, waitNsFromMs(maxWaitMs))
    return { outcome, ticket: { waitMs: msFromWait(waitNs), at } }
  }

  isStale(ticket: TwinTicket): boolean {
    return this.#core.parameters().generation !== ticket.at.generation
  }

  renew(ticket: TwinTicket): TwinTicket {
    const { waitNs, at } = this.#core.remaining(nsOf(this.#clock), ticket.at)
    return { waitMs: msFromWait(waitNs), at }
  }

  cancel(ticket: TwinTicket, tokens: number): number {
    return this.#core.cancel(nsOf(this.#clock), ticket.at, tokens)
  }

  endOf({ at }: TwinTicket, axis: Axis): number | null {
    return Number(at.generation) === axis.generation ? placeOn(axis, at.position, at.digits) : null
  }

  refund(tokens: number): number {
    let returned = 0
    this.#persistently(() => {
      const result = this.#core.refund(nsOf(this.#clock), tokens)
      returned = result ?? 0
      return result === null ? OUTCOME.busy : OUTCOME.granted
    })
    return returned
  }

  charge(tokens: number): Outcome {
    return this.#persistently(() => this.#core.charge(nsOf(this.#clock), tokens))
  }

  available(): number {
    return this.#core.available(nsOf(this.#clock))
  }

  update(rate: number, burst: number): Outcome {
    return this.#persistently(() => this.#core.update(nsOf(this.#clock), rate, burst))
  }

  pause(ms: number): Outcome {
    const untilNs = nsOf(this.#clock) + nsFromMs(ms)
    return this.#persistently(() => this.#core.pause(nsOf(this.#clock), untilNs))
  }

  reset(owed: number): Outcome {
    return this.#persistently(() => this.#core.reset(nsOf(this.#clock), owed))
  }

  beginLook(): void {
    this.#waiters?.beginLook()
  }

  survey(): Axis {
    const seen = this.#core.survey(nsOf(this.#clock))
    return {
      generation: Number(seen.generation),
      digits: seen.digits,
      produced: Number(seen.produced),
      spent: Number(seen.spent),
      burst: Number(seen.burst),
      pausedMs: msFromWait(seen.pausedNs),
      requestsPerSecond: seen.rate,
      burstSize: seen.burstTokens,
      baseHigh: Number(seen.base >> 32n),
      baseLow: Number(seen.base & 0xffff_ffffn),
    }
  }

  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null {
    const { outcome, start } = this.#core.reserveRun(
      nsOf(this.#clock),
      BigInt(axis.generation),
      BigInt(units),
      BigInt(reach),
      BigInt(limit),
    )
    return outcome === OUTCOME.granted ? Number(start) : null
  }

  returnRun(axis: Axis, end: number, units: number): boolean {
    return this.#core.returnRun(nsOf(this.#clock), BigInt(axis.generation), BigInt(end), BigInt(units))
  }

  msUntil(axis: Axis, place: number): number | null {
    const waitNs = this.#core.timeUntil(nsOf(this.#clock), BigInt(axis.generation), BigInt(place))
    return waitNs === null ? null : msFromWait(waitNs)
  }

  attachWaiters(rows: BigInt64Array): void {
    this.#waiters ??= new TwinWaiters(rows, builtins.workerThreads.threadId + 1)
  }

  arrive(tokens: number): number {
    return this.#waiters?.arrive(tokens) ?? -1
  }

  others(place: number): OtherWaiters {
    return this.#waiters?.others(place, nsOf(this.#clock)) ?? NO_OTHERS
  }

  publish(axis: Axis, next: number, waiting: number, lookInMs: number, heldEnd: number, heldSize: number): void {
    this.#waiters?.publish({
      next,
      waiting,
      lookAtNs: nsOf(this.#clock) + nsFromMs(lookInMs),
      generation: BigInt(axis.generation),
      heldEnd: BigInt(heldEnd),
      heldSize: BigInt(heldSize),
    })
  }

  leave(): void {
    this.#waiters?.leave()
  }

  buryDead(): void {
    // Only the addon can tell which processes have ended, and only it shares a bucket between them.
  }

  parameters(): { requestsPerSecond: number; burstSize: number } {
    const { rate, burst } = this.#core.parameters()
    return { requestsPerSecond: rate, burstSize: burst }
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
