import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { addonTime } from '../shared/addon-time.js'
import { type Axis, AXIS_FIELDS, axisIn, placeOn } from '../shared/axis.js'
import type { NameScope } from '../shared/names.js'
import type { OtherWaiters, Ticket, WaitingBucket } from './waiters.js'

/** How an operation ended. The numbers are those of `Outcome` in native/core/bucket_changes.h. */
export const OUTCOME = { granted: 0, denied: 1, exceedsBurst: 2, busy: 3 } as const
export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME]

/** A bucket as the addon opens it; for a name, also the rate and burst that its first user gave. */
type Opened = [
  take: () => undefined | false,
  takeSeveral: () => undefined | boolean,
  number: number,
  rate?: number,
  burst?: number,
]

declare module '../../internal/native.js' {
  /** The functions of native/binding/bucket_binding.cc and bucket_waiting.cc. A time of NaN stands for the addon's own clock. */
  interface NativeAddon {
    bucketInitialize(view: BigInt64Array, rate: number, burst: number, nowMs: number): void
    bucketOpen(view: BigInt64Array): Opened
    bucketOpenNamed(name: string, rate: number, burst: number, nowMs: number, machine: boolean): Opened
    /** How many tokens the next `takeSeveral` takes. */
    readonly bucketTokens: Float64Array
    bucketTryAcquire(number: number, tokens: number, nowMs: number): Outcome
    bucketReserve(number: number, tokens: number, maxWaitMs: number, nowMs: number, ticket: Float64Array): Outcome
    bucketRemaining(number: number, ticket: Float64Array, nowMs: number): number
    bucketCancel(number: number, ticket: Float64Array, tokens: number, nowMs: number): number
    bucketRefund(number: number, tokens: number, nowMs: number): number
    bucketCharge(number: number, tokens: number, nowMs: number): Outcome
    bucketAvailable(number: number, nowMs: number): number
    bucketUpdate(number: number, rate: number, burst: number, nowMs: number): Outcome
    bucketPause(number: number, ms: number, nowMs: number): Outcome
    bucketReset(number: number, owed: number, nowMs: number): Outcome
    bucketParameters(number: number, out: Float64Array): void
    bucketAddCounts(number: number, allowed: number, denied: number): void
    bucketClose(number: number): void
    bucketSurvey(number: number, nowMs: number, out: Float64Array): void
    bucketReserveRun(
      number: number,
      nowMs: number,
      generation: number,
      units: number,
      reach: number,
      limit: number,
    ): number
    bucketReturnRun(number: number, nowMs: number, generation: number, end: number, units: number): boolean
    bucketMsUntil(number: number, nowMs: number, generation: number, place: number): number
    bucketInitializeWaiters(view: BigInt64Array): void
    bucketAttachWaiters(number: number, view: BigInt64Array): void
    bucketArrive(number: number, tokens: number): number
    bucketOthers(number: number, place: number, nowMs: number, out: Float64Array): void
    bucketPublish(
      number: number,
      next: number,
      waiting: number,
      lookInMs: number,
      generation: number,
      heldEnd: number,
      heldSize: number,
      nowMs: number,
    ): void
    bucketLeave(number: number): void
    bucketBuryDead(number: number, nowMs: number): void
    bucketBeginLook(number: number): void
  }
}

/** Fields of a ticket as the addon writes it; see bucket_binding.cc. */
const FIELD = { positionHigh: 0, positionLow: 1, digits: 2, generation: 3, waitMs: 4, count: 5 } as const

/** Written by one call and read before the next: a thread makes one call at a time. */
const scratch = new Float64Array(FIELD.count)
/** Like `scratch`, for the numbers that bucket_waiting.cc writes. */
const seen = new Float64Array(AXIS_FIELDS)

/** The addon's numbers in a ticket. */
const fieldsOf = (ticket: Ticket): Float64Array => ticket.at as Float64Array

/** A token bucket through the addon. */
export class Bucket implements WaitingBucket {
  /** Takes one token: undefined if it was there, false if not. Bound: may be called on its own. */
  readonly take: () => undefined | false
  /** If the bucket has a name: adds decisions to the counts that `amorsize top` shows. */
  readonly addCounts?: (allowed: number, denied: number) => void
  readonly #addon: NativeAddon
  /** Takes as many tokens as `#tokens` says. The addon frees the bucket's number when its calls are collected. */
  readonly #takeSeveral: () => undefined | boolean
  readonly #tokens: Float64Array
  readonly #number: number
  readonly #clock: Clock

  private constructor(addon: NativeAddon, opened: Opened, clock: Clock, hasName = false) {
    const [take, takeSeveral, number] = opened
    this.#addon = addon
    this.#number = number
    this.#clock = clock
    this.#takeSeveral = takeSeveral
    this.#tokens = addon.bucketTokens
    if (hasName) this.addCounts = (allowed, denied) => addon.bucketAddCounts(this.#number, allowed, denied)
    this.take = clock === systemClock ? take : () => (this.tryAcquire(1) === OUTCOME.granted ? undefined : false)
  }

  static create(addon: NativeAddon, view: BigInt64Array, rate: number, burst: number, clock: Clock): Bucket {
    addon.bucketInitialize(view, rate, burst, addonTime(clock))
    return Bucket.open(addon, view, clock)
  }

  static open(addon: NativeAddon, view: BigInt64Array, clock: Clock): Bucket {
    return new Bucket(addon, addon.bucketOpen(view), clock)
  }

  /** The bucket that all threads of the process, or all processes of the user, get for `name`, and the parameters it was made with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: { readonly requestsPerSecond: number; readonly burstSize: number },
    clock: Clock,
  ): { subject: Bucket; parameters: { requestsPerSecond: number; burstSize: number } } {
    const { requestsPerSecond: rate, burstSize: burst } = asked
    const opened = addon.bucketOpenNamed(name, rate, burst, addonTime(clock), scope === 'machine')
    const [, , , requestsPerSecond = rate, burstSize = burst] = opened
    return { subject: new Bucket(addon, opened, clock, true), parameters: { requestsPerSecond, burstSize } }
  }

  /** Takes `tokens` if all are there. */
  tryAcquire(tokens: number): Outcome {
    if (this.#clock === systemClock) {
      this.#tokens[0] = tokens
      const answer = this.#takeSeveral()
      if (answer === undefined) return OUTCOME.granted
      if (!answer) return OUTCOME.denied
    }
    return this.#addon.bucketTryAcquire(this.#number, tokens, addonTime(this.#clock))
  }

  /** Reserves `tokens` if they will be there within `maxWaitMs`. */
  reserve(tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: Ticket } {
    const outcome = this.#addon.bucketReserve(this.#number, tokens, maxWaitMs, addonTime(this.#clock), scratch)
    return { outcome, ticket: { waitMs: scratch[FIELD.waitMs] as number, at: scratch.slice() } }
  }

  /** Whether the parameters have changed since the ticket was written. */
  isStale(ticket: Ticket): boolean {
    this.#addon.bucketParameters(this.#number, scratch)
    return scratch[2] !== fieldsOf(ticket)[FIELD.generation]
  }

  /** The same reservation under the present parameters. */
  renew(ticket: Ticket): Ticket {
    const at = fieldsOf(ticket).slice()
    return { waitMs: this.#addon.bucketRemaining(this.#number, at, addonTime(this.#clock)), at }
  }

  /** Gives back as many tokens of a reservation as possible; returns how many. */
  cancel(ticket: Ticket, tokens: number): number {
    return this.#addon.bucketCancel(this.#number, fieldsOf(ticket), tokens, addonTime(this.#clock))
  }

  /** Where the tokens of a reservation end on `axis`; null when it was made under other parameters. */
  endOf(ticket: Ticket, axis: Axis): number | null {
    const at = fieldsOf(ticket)
    if (at[FIELD.generation] !== axis.generation) return null
    const position = (BigInt(at[FIELD.positionHigh] as number) << 32n) + BigInt(at[FIELD.positionLow] as number)
    return placeOn(axis, position, at[FIELD.digits] as number)
  }

  refund(tokens: number): number {
    return this.#addon.bucketRefund(this.#number, tokens, addonTime(this.#clock))
  }

  /** Takes `tokens` even if they are not there: missing ones are a debt that delays later callers. */
  charge(tokens: number): Outcome {
    return this.#addon.bucketCharge(this.#number, tokens, addonTime(this.#clock))
  }

  available(): number {
    return this.#addon.bucketAvailable(this.#number, addonTime(this.#clock))
  }

  /** Changes the rate, the burst or both: NaN keeps the present value. */
  update(rate: number, burst: number): Outcome {
    return this.#addon.bucketUpdate(this.#number, rate, burst, addonTime(this.#clock))
  }

  pause(ms: number): Outcome {
    return this.#addon.bucketPause(this.#number, ms, addonTime(this.#clock))
  }

  /** Fills the bucket, except for the `owed` tokens that waiting callers have reserved. */
  reset(owed: number): Outcome {
    return this.#addon.bucketReset(this.#number, owed, addonTime(this.#clock))
  }

  survey(): Axis {
    this.#addon.bucketSurvey(this.#number, addonTime(this.#clock), seen)
    return axisIn(seen)
  }

  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null {
    const nowMs = addonTime(this.#clock)
    const start = this.#addon.bucketReserveRun(this.#number, nowMs, axis.generation, units, reach, limit)
    return Number.isNaN(start) ? null : start
  }

  returnRun(axis: Axis, end: number, units: number): boolean {
    return this.#addon.bucketReturnRun(this.#number, addonTime(this.#clock), axis.generation, end, units)
  }

  msUntil(axis: Axis, place: number): number | null {
    const ms = this.#addon.bucketMsUntil(this.#number, addonTime(this.#clock), axis.generation, place)
    return Number.isNaN(ms) ? null : ms
  }

  /** Attaches the rows in which the queues of several objects see each other, for a bucket without a name. */
  attachWaiters(rows: BigInt64Array): void {
    this.#addon.bucketAttachWaiters(this.#number, rows)
  }

  arrive(tokens: number): number {
    return this.#addon.bucketArrive(this.#number, tokens)
  }

  others(place: number): OtherWaiters {
    this.#addon.bucketOthers(this.#number, place, addonTime(this.#clock), seen)
    return {
      first: seen[0] as number,
      waiting: seen[1] as number,
      isAnyLate: seen[2] === 1,
      heldUnits: seen[3] as number,
    }
  }

  publish(axis: Axis, next: number, waiting: number, lookInMs: number, heldEnd: number, heldSize: number): void {
    this.#addon.bucketPublish(
      this.#number,
      next,
      waiting,
      lookInMs,
      axis.generation,
      heldEnd,
      heldSize,
      addonTime(this.#clock),
    )
  }

  leave(): void {
    this.#addon.bucketLeave(this.#number)
  }

  beginLook(): void {
    this.#addon.bucketBeginLook(this.#number)
  }

  buryDead(): void {
    this.#addon.bucketBuryDead(this.#number, addonTime(this.#clock))
  }

  /** Releases the memory of a bucket with a name. Later calls find an empty bucket. */
  letGo(): void {
    this.#addon.bucketClose(this.#number)
  }

  parameters(): { requestsPerSecond: number; burstSize: number } {
    this.#addon.bucketParameters(this.#number, scratch)
    return { requestsPerSecond: scratch[0] as number, burstSize: scratch[1] as number }
  }
}
