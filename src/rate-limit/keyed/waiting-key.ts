import type { Ticket, WaitingBucket } from '../../memory/bucket/waiters.js'
import { OUTCOME, type Outcome } from '../../memory/bucket/bucket.js'
import { type KeyedTable, RESERVED } from '../../memory/keyed/table.js'
import type { Key } from '../../memory/keyed/key.js'
import { type Axis, FARTHEST } from '../../memory/shared/axis.js'
import { costInUnits, creditUnits, pow10 } from '../../memory/shared/rate.js'
import type { Future } from '../charges.js'

/** A base is a multiple of this, which a double holds exactly wherever the axis is. */
const BASE_STEP = 1024
/** How often a reservation is tried while other threads are faster. */
const MOST_TRIES = 64

/** A reservation for one moment: the place where its tokens end. */
interface Place {
  readonly end: number
  readonly units: number
  /** The generation of the key's slot. */
  readonly generation: number
}

/** The part of {@link KeyedQueue} that a key's bucket needs. */
interface KeyOwner {
  keep(key: Key, bucket: WaitingKey): void
  change<T>(key: Key, isGain: boolean, change: () => T): T
}

/**
 * A key's bucket as seen by the callers that wait for it in one limiter object. Other objects do not know of them: keys have no rows.
 * As long as tokens are reserved, others give nothing back. This one does if nobody else can have reserved, because all places that
 * it holds move with the tokens.
 */
export class WaitingKey implements WaitingBucket, Future {
  readonly #table: KeyedTable
  readonly #key: Key
  readonly #queue: KeyOwner
  readonly #base: number
  /** Reservations that are held outside the line. */
  readonly places = new Set<Place>()
  /** Units that came back while some were reserved here. They count as produced, so all places are reported with them added. */
  #back = 0
  /** Where the reservations of this object end; NaN if there are none. */
  #end = NaN
  /** The place up to which others may have reserved. */
  #others = -Infinity
  #isReserved = false

  constructor(table: KeyedTable, key: Key, queue: KeyOwner) {
    this.#table = table
    this.#key = key
    this.#queue = queue
    this.#base = Math.floor(table.survey(key, 0).produced / BASE_STEP) * BASE_STEP
  }

  survey(): Axis {
    const axis = this.#table.survey(this.#key, this.#base)
    const { generation, produced, spent } = axis
    this.#isReserved = generation >= RESERVED
    return { ...axis, generation: generation % RESERVED, produced: produced + this.#back, spent: spent + this.#back }
  }

  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null {
    const seen = this.#isReserved ? { ...axis, generation: axis.generation + RESERVED } : axis
    const start = this.#table.reserveRun(this.#key, seen, units, reach, limit - this.#back)
    if (start === null) return null
    const from = start + this.#back
    if (from !== this.#end) this.#others = this.#isReserved ? from : -Infinity
    this.#end = from + units
    this.#isReserved = true
    return from
  }

  returnRun(axis: Axis, end: number, units: number): boolean {
    const isBack = this.#table.returnRun(this.#key, axis, end - this.#back, units)
    if (isBack) this.#end = end - units
    return isBack
  }

  msUntil(axis: Axis, place: number): number {
    return this.#table.msUntil(axis, place - this.#back)
  }

  /** Called when the line holds nothing any more. */
  rest(axis = this.survey()): void {
    if (this.places.size > 0 || !this.#isAlone(axis) || !this.returnRun(axis, this.#end, 0)) return
    this.#end = NaN
    this.#isReserved = false
  }

  refund(tokens: number): number {
    const axis = this.survey()
    const end = this.#end
    const units = Math.min(Number(creditUnits(tokens, axis.digits)), end - (axis.produced - axis.burst))
    if (!(units > 0 && this.#isAlone(axis) && this.returnRun(axis, end, units)))
      return this.#table.refund(this.#key, tokens)
    this.#end = end
    this.#back += units
    return units / pow10(axis.digits)
  }

  charge(tokens: number): Outcome {
    const axis = this.survey()
    // Reserves, so that later reservations are known to belong to this limiter, too.
    const isReserved =
      this.#isAlone(axis) && this.reserveRun(axis, costInUnits(tokens, axis.digits), axis.burst, FARTHEST) !== null
    return isReserved ? OUTCOME.granted : this.#table.charge(this.#key, tokens)
  }

  reserve(tokens: number): { outcome: Outcome; ticket: Ticket } {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const axis = this.survey()
      // The key has no slot yet, and can have none.
      if (axis.pausedMs > 0) break
      const units = costInUnits(tokens, axis.digits)
      const from = this.reserveRun(axis, units, axis.burst, FARTHEST)
      if (from === null) continue
      const place: Place = { end: from + units, units, generation: this.survey().generation }
      this.places.add(place)
      this.#queue.keep(this.#key, this)
      return { outcome: OUTCOME.granted, ticket: { waitMs: this.msUntil(axis, place.end), at: place } }
    }
    return { outcome: OUTCOME.denied, ticket: { waitMs: Infinity, at: null } }
  }

  endOf({ at }: Ticket, { generation }: Axis): number {
    const place = at as Place
    return this.places.has(place) && place.generation === generation ? Math.max(place.end, -FARTHEST) : -FARTHEST
  }

  /** Returns the same ticket, because a place on the axis of all keys never changes. */
  renew(ticket: Ticket): Ticket {
    return ticket
  }

  cancel(ticket: Ticket, tokens: number): number {
    const isBack = this.#queue.change(this.#key, true, () => {
      const axis = this.survey()
      const end = this.endOf(ticket, axis)
      return end > -FARTHEST && this.returnRun(axis, end, (ticket.at as Place).units)
    })
    this.release(ticket)
    return isBack ? tokens : 0
  }

  release({ at }: Ticket): void {
    if (this.places.delete(at as Place)) this.#queue.keep(this.#key, this)
  }

  /** Whether tokens are reserved here, and any that others have reserved are too old. */
  #isAlone({ produced, burst }: Axis): boolean {
    return !Number.isNaN(this.#end) && this.#others <= produced - burst
  }
}
