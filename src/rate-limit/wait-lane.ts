import { type Clock, systemClock } from '../internal/clock.js'
import { type Linked, LinkedList } from '../internal/linked-list.js'
import { type SignalListener, unwatchSignal, watchSignal } from '../internal/signal-watch.js'
import { type DueTimer, timersOf } from '../internal/timers.js'
import type { Bucket, Ticket } from '../memory/bucket.js'

/** What a wait needs of a bucket. */
export type Places = Pick<Bucket, 'isStale' | 'renew' | 'cancel'> & {
  /** Whether the parameters never change, so that nobody need look. */
  readonly isFixed?: boolean
}

/** How often a lane looks whether another thread has changed the parameters of its bucket. */
const WATCH_MS = 50

interface Waiter extends Linked<Waiter>, SignalListener {
  readonly startedMs: number
  readonly settle: () => void
  readonly refuse: (reason: unknown) => void
}

interface Place {
  ticket: Ticket
  dueMs: number
}

/**
 * The callers of this thread that wait for the same number of tokens of one bucket. The order among all threads is in
 * the bucket: each caller brought a reservation, a place in time. Places and callers are kept apart, both in order, and the
 * caller in front takes the place that falls due next. So when a caller gives up, those behind it move up and the *last* place is
 * given back, which can usually be given back whole.
 */
export class WaitLane {
  readonly #bucket: Places
  readonly #tokens: number
  readonly #clock: Clock
  readonly #waiters = new LinkedList<Waiter>()
  #places: Place[] = []
  /** Index of the first place that is left. */
  #head = 0
  readonly #timer: DueTimer
  #onIdle: () => void
  #waitedMs = 0

  /** @param onIdle - called when the last caller has gone */
  constructor(bucket: Places, tokens: number, clock: Clock, onIdle: () => void) {
    this.#bucket = bucket
    this.#tokens = tokens
    this.#clock = clock
    this.#onIdle = onIdle
    this.#timer = { due: 0, order: 0, heapIndex: -1, run: () => this.#admitDue() }
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Milliseconds that admitted callers have waited. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /**
   * Waits for the caller's turn. On abort the promise rejects with the signal's reason.
   *
   * @param ticket - the caller's reservation, of this lane's number of tokens
   * @param admitted - called when the wait has ended well
   */
  wait(ticket: Ticket, signal: AbortSignal | undefined, admitted: () => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        previous: null,
        next: null,
        startedMs: this.#clock.now(),
        signalAborted: () => this.#giveUp(waiter, signal?.reason),
        settle: () => {
          if (signal !== undefined) unwatchSignal(signal, waiter)
          admitted()
          resolve()
        },
        refuse: (reason) => {
          if (signal !== undefined) unwatchSignal(signal, waiter)
          reject(reason)
        },
      }
      if (signal !== undefined) watchSignal(signal, waiter)
      this.#waiters.append(waiter)
      this.#addPlace({ ticket, dueMs: waiter.startedMs + ticket.waitMs })
    })
  }

  /** Finds the time of every place anew, if parameters have changed. */
  recheck(): void {
    if (this.#renewIfStale()) this.#arm((this.#places[this.#head] as Place).dueMs)
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (let waiter = this.#waiters.last; waiter !== null; waiter = this.#waiters.last) this.#giveUp(waiter, reason)
  }

  #addPlace(place: Place): void {
    this.recheck()
    const places = this.#places
    let index = places.length
    // Tokens that were refunded meanwhile can put a later reservation before an earlier one.
    while (index > this.#head && (places[index - 1] as Place).dueMs > place.dueMs) index--
    if (index === places.length) places.push(place)
    else places.splice(index, 0, place)
    if (index === this.#head) this.#arm(place.dueMs)
  }

  #giveUp(waiter: Waiter, reason: unknown): void {
    this.#waiters.remove(waiter)
    const place = this.#places.pop()
    if (place !== undefined) this.#bucket.cancel(place.ticket, this.#tokens)
    if (this.#waiters.size === 0) this.#rest()
    waiter.refuse(reason)
  }

  #admitDue(): void {
    this.#renewIfStale()
    const nowMs = this.#clock.now()
    for (;;) {
      const place = this.#places[this.#head]
      const waiter = this.#waiters.first
      if (place === undefined || waiter === null) {
        this.#rest()
        return
      }
      if (!timersOf(this.#clock).isDue(place.dueMs, nowMs)) {
        this.#arm(place.dueMs)
        return
      }
      this.#head++
      this.#waiters.remove(waiter)
      this.#waitedMs += nowMs - waiter.startedMs
      waiter.settle()
    }
  }

  /**
   * Renews all places or none, so that their times can be compared: a newcomer's place is behind theirs, though under the old
   * parameters theirs may have been later. Returns whether it did.
   */
  #renewIfStale(): boolean {
    const first = this.#places[this.#head]
    if (first === undefined || !this.#bucket.isStale(first.ticket)) return false
    this.#places = this.#places.slice(this.#head)
    this.#head = 0
    for (const place of this.#places) {
      place.ticket = this.#bucket.renew(place.ticket)
      // The clock is read after the bucket did: rather late than early.
      place.dueMs = this.#clock.now() + place.ticket.waitMs
    }
    this.#places.sort((a, b) => a.dueMs - b.dueMs)
    return true
  }

  #arm(dueMs: number): void {
    const timers = timersOf(this.#clock)
    timers.remove(this.#timer)
    const leftMs = Math.max(0, dueMs - this.#clock.now())
    // On a test's clock every limiter is in this thread, and tells of its changes itself.
    const isWatched = this.#clock === systemClock && this.#bucket.isFixed !== true
    timers.add(this.#timer, isWatched ? Math.min(leftMs, WATCH_MS) : leftMs)
    this.#dropUsed()
  }

  #dropUsed(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#places.length) return
    this.#places = this.#places.slice(this.#head)
    this.#head = 0
  }

  #rest(): void {
    timersOf(this.#clock).remove(this.#timer)
    this.#places = []
    this.#head = 0
    this.#onIdle()
  }
}
