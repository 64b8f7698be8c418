import { type Clock, systemClock, timeOf } from '../internal/clock.js'
import type { NativeAddon } from '../internal/native.js'
import type { Bucket, Ticket } from './bucket.js'
import { OUTCOME, type Outcome } from './token-bucket.js'

/** `[take, number]`, and for a name the rate and burst its first user asked for. */
type Opened = [take: () => undefined | false, number: number, rate?: number, burst?: number]

declare module '../internal/native.js' {
  /** The functions of native/binding/bucket_binding.cc. A time of NaN stands for the addon's own clock. */
  interface NativeAddon {
    bucketInitialize(view: BigInt64Array, rate: number, burst: number, nowMs: number): void
    bucketOpen(view: BigInt64Array): Opened
    bucketOpenNamed(name: string, rate: number, burst: number, nowMs: number, machine: boolean): Opened
    bucketTryAcquire(number: number, tokens: number, nowMs: number): Outcome
    bucketReserve(number: number, tokens: number, maxWaitMs: number, nowMs: number, ticket: Float64Array): Outcome
    bucketRemaining(number: number, ticket: Float64Array, nowMs: number): number
    bucketCancel(number: number, ticket: Float64Array, tokens: number, nowMs: number): number
    bucketRefund(number: number, tokens: number, nowMs: number): number
    bucketCharge(number: number, tokens: number, nowMs: number): Outcome
    bucketAvailable(number: number, nowMs: number): number
    bucketUpdate(number: number, rate: number, burst: number, nowMs: number): Outcome
    bucketPause(number: number, ms: number, nowMs: number): Outcome
    bucketReset(number: number, nowMs: number): Outcome
    bucketParameters(number: number, out: Float64Array): void
    bucketAddCounts(number: number, allowed: number, denied: number): void
    bucketClose(number: number): void
    clockSource(): 'counter' | 'kernel'
  }
}

/** Fields of a ticket as the addon writes it; see bucket_binding.cc. */
const FIELD = { generation: 3, waitMs: 4, count: 5 } as const

/** Written by one call and read before the next; a thread runs one at a time. */
const scratch = new Float64Array(FIELD.count)

/** What the addon wrote, kept for as long as the wait. */
type NativeTicket = Ticket & { readonly at: Float64Array }

/** A token bucket through the addon. */
export class NativeBucket implements Bucket {
  readonly take: () => undefined | false
  readonly addCounts?: (allowed: number, denied: number) => void
  readonly #addon: NativeAddon
  /** The addon frees the bucket's number when this call is collected. */
  readonly #owner: () => undefined | false
  readonly #number: number
  readonly #clock: Clock

  private constructor(addon: NativeAddon, opened: Opened, clock: Clock, hasName = false) {
    this.#addon = addon
    this.#number = opened[1]
    this.#clock = clock
    this.#owner = opened[0]
    if (hasName) this.addCounts = (allowed, denied) => addon.bucketAddCounts(this.#number, allowed, denied)
    this.take = clock === systemClock ? this.#owner : () => (this.tryAcquire(1) === OUTCOME.granted ? undefined : false)
  }

  static create(addon: NativeAddon, view: BigInt64Array, rate: number, burst: number, clock: Clock): NativeBucket {
    addon.bucketInitialize(view, rate, burst, timeFor(clock))
    return NativeBucket.open(addon, view, clock)
  }

  static open(addon: NativeAddon, view: BigInt64Array, clock: Clock): NativeBucket {
    return new NativeBucket(addon, addon.bucketOpen(view), clock)
  }

  /** The bucket every thread of the process, or every process of the user, gets for `name`, and what it was founded with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: 'process' | 'machine',
    rate: number,
    burst: number,
    clock: Clock,
  ): { bucket: NativeBucket; rate: number; burst: number } {
    const opened = addon.bucketOpenNamed(name, rate, burst, timeFor(clock), scope === 'machine')
    return { bucket: new NativeBucket(addon, opened, clock, true), rate: opened[2] ?? rate, burst: opened[3] ?? burst }
  }

  tryAcquire(tokens: number): Outcome {
    return this.#addon.bucketTryAcquire(this.#number, tokens, timeFor(this.#clock))
  }

  reserve(tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: NativeTicket } {
    const outcome = this.#addon.bucketReserve(this.#number, tokens, maxWaitMs, timeFor(this.#clock), scratch)
    return { outcome, ticket: { waitMs: scratch[FIELD.waitMs] as number, at: scratch.slice() } }
  }

  isStale(ticket: NativeTicket): boolean {
    this.#addon.bucketParameters(this.#number, scratch)
    return scratch[2] !== ticket.at[FIELD.generation]
  }

  renew(ticket: NativeTicket): NativeTicket {
    const at = ticket.at.slice()
    return { waitMs: this.#addon.bucketRemaining(this.#number, at, timeFor(this.#clock)), at }
  }

  cancel(ticket: NativeTicket, tokens: number): number {
    return this.#addon.bucketCancel(this.#number, ticket.at, tokens, timeFor(this.#clock))
  }

  refund(tokens: number): number {
    return this.#addon.bucketRefund(this.#number, tokens, timeFor(this.#clock))
  }

  charge(tokens: number): Outcome {
    return this.#addon.bucketCharge(this.#number, tokens, timeFor(this.#clock))
  }

  available(): number {
    return this.#addon.bucketAvailable(this.#number, timeFor(this.#clock))
  }

  update(rate: number, burst: number): Outcome {
    return this.#addon.bucketUpdate(this.#number, rate, burst, timeFor(this.#clock))
  }

  pause(ms: number): Outcome {
    return this.#addon.bucketPause(this.#number, ms, timeFor(this.#clock))
  }

  reset(): Outcome {
    return this.#addon.bucketReset(this.#number, timeFor(this.#clock))
  }

  close(): void {
    this.#addon.bucketClose(this.#number)
  }

  parameters(): { requestsPerSecond: number; burstSize: number } {
    this.#addon.bucketParameters(this.#number, scratch)
    return { requestsPerSecond: scratch[0] as number, burstSize: scratch[1] as number }
  }
}

/** The addon reads the system's clock itself, at a fraction of what a call from here costs. */
function timeFor(clock: Clock): number {
  return clock === systemClock ? NaN : timeOf(clock)
}
