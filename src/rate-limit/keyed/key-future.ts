import type { Ticket } from '../../memory/bucket/bucket.js'
import { OUTCOME, type Outcome } from '../../memory/bucket/core.js'
import type { Key } from '../../memory/keyed/hash.js'
import { type Axis, FARTHEST } from '../../memory/shared/axis.js'
import { costInUnits, creditUnits } from '../../memory/shared/rate.js'
import type { Future } from '../charges.js'
import type { WaitingKey } from './waiting-key.js'

/** Where tokens end that are reserved; -Infinity: nowhere any more. */
interface Place {
  end: number
  readonly units: number
  /** Of the key's slot. */
  readonly generation: number
}

/** How often a place is sought while other threads are faster. */
const MOST_TRIES = 64

/**
 * What is reserved in buckets of keys. Such a bucket knows nothing of it: what this thread does to a bucket is done to the reservations here.
 * What other threads do to it is not seen; a refund of theirs may then be used a second time, as by those who wait.
 */
export class KeyReservations {
  readonly #places = new Map<Key, Set<Place>>()

  add(key: Key, place: Place): void {
    const places = this.#places.get(key)
    if (places === undefined) this.#places.set(key, new Set([place]))
    else places.add(place)
  }

  delete(key: Key, place: Place): void {
    const places = this.#places.get(key)
    if (places?.delete(place) === true && places.size === 0) this.#places.delete(key)
  }

  /** So many tokens of the key have come back: what is reserved comes earlier. */
  refunded(key: Key, tokens: number, digits: () => number): void {
    const places = this.#places.get(key)
    if (places === undefined) return
    const units = Number(creditUnits(tokens, digits()))
    for (const place of places) place.end -= units
  }

  /** The key's bucket has been filled or paused: what is reserved is so no more. */
  changed(key: Key): void {
    for (const place of this.#places.get(key) ?? []) place.end = -Infinity
  }
}

/** Where tokens of a key can be reserved that are not there yet. */
export class KeyFuture implements Future {
  readonly #key: Key
  readonly #bucket: WaitingKey
  readonly #reservations: KeyReservations
  readonly #gain: (change: () => boolean) => boolean

  /** @param gain - makes a change that adds tokens, and has those who wait begin anew */
  constructor(key: Key, bucket: WaitingKey, reservations: KeyReservations, gain: (change: () => boolean) => boolean) {
    this.#key = key
    this.#bucket = bucket
    this.#reservations = reservations
    this.#gain = gain
  }

  survey(): Axis {
    return this.#bucket.survey()
  }

  msUntil(axis: Axis, place: number): number {
    return this.#bucket.msUntil(axis, place)
  }

  reserve(tokens: number): { outcome: Outcome; ticket: Ticket } {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const axis = this.survey()
      // A key that has no slot yet, and can have none.
      if (axis.pausedMs > 0) break
      const units = costInUnits(tokens, axis.digits)
      const from = this.#bucket.reserveRun(axis, units, axis.burst, FARTHEST)
      if (from === null) continue
      const place: Place = { end: from + units, units, generation: this.survey().generation }
      this.#reservations.add(this.#key, place)
      return { outcome: OUTCOME.granted, ticket: { waitMs: this.msUntil(axis, place.end), at: place } }
    }
    return { outcome: OUTCOME.denied, ticket: { waitMs: Infinity, at: null } }
  }

  endOf({ at }: Ticket, axis: Axis): number {
    const { end, generation } = at as Place
    return generation === axis.generation ? Math.max(end, -FARTHEST) : -FARTHEST
  }

  /** A place on the axis of all keys stays what it is. */
  renew(ticket: Ticket): Ticket {
    return ticket
  }

  cancel(ticket: Ticket, tokens: number): number {
    const place = ticket.at as Place
    this.release(ticket)
    const isBack = this.#gain(() => {
      const axis = this.survey()
      const end = this.endOf(ticket, axis)
      return end > -FARTHEST && this.#bucket.returnRun(axis, end, place.units)
    })
    return isBack ? tokens : 0
  }

  release({ at }: Ticket): void {
    this.#reservations.delete(this.#key, at as Place)
  }
}
