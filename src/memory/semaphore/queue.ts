import { realClearInterval, realNow, realSetInterval } from '../../internal/time/real-timers.js'
import { doorbell } from '../shared/doorbell.js'
import { type Prioritized, PriorityList } from './priority-list.js'
import { ADMISSION, type Admission, type LimitsChange, type Semaphore } from './semaphore.js'

/** How often a caller looks for a permit that another process hands over, which rings no bell here. */
const POLL_MS = 5
/** How often, at most, processes are looked for that have ended, which takes some microseconds for each, and threads that are late. */
const RECLAIM_MS = 100

/** A caller that waits for a permit. An object, so that waiting makes no closure. */
export interface PermitWaiter extends Prioritized<PermitWaiter> {
  /** The permit is there; must not throw. */
  admitted(): void
}

/**
 * The callers of this thread that wait for permits of one semaphore. The order among threads is in the semaphore, which counts how many of
 * this thread's callers come next; which of them, is decided here: the highest priority, first come first served within one. So when a caller
 * gives up, those behind it move up, and the thread's *last* place is given back.
 */
export class PermitQueue {
  readonly semaphore: Semaphore
  /** Takes a permit: undefined if one was free, false if not. Bound. */
  readonly tryEnter: () => undefined | false
  readonly #give: () => undefined | boolean
  readonly #waiters = new PriorityList<PermitWaiter>()
  readonly #onRing = (): void => void this.#collect()
  readonly #onPoll = (): void => {
    // Not before: who waits for moments would set a timer each time.
    if (this.#waiters.size === 0) {
      realClearInterval(this.#poll)
      this.#poll = undefined
      return
    }
    this.reclaim()
    this.#collect()
  }
  readonly #now: () => number
  #stopListening: (() => void) | undefined = undefined
  #isHolding = false
  #poll: NodeJS.Timeout | undefined = undefined
  #reclaimedMs = -Infinity

  /** @param now - ms; by it others are looked for that have ended or are late */
  constructor(semaphore: Semaphore, now: () => number = realNow) {
    this.semaphore = semaphore
    this.#now = now
    this.tryEnter = semaphore.take
    this.#give = semaphore.give
  }

  /** How many callers of this thread wait. */
  get size(): number {
    return this.#waiters.size
  }

  /** Whether callers of this thread still wait, after those with permits from other threads have been admitted. */
  isWaitedFor(): boolean {
    if (this.#waiters.size > 0) this.#collect()
    return this.#waiters.size > 0
  }

  /** Takes a permit, or has `waiter` wait for one, or refuses since the queue is full. */
  enter(waiter: PermitWaiter): Admission {
    const isWaitedFor = this.isWaitedFor()
    let admission = this.semaphore.acquire()
    if (admission === ADMISSION.refused && this.reclaim()) admission = this.semaphore.acquire()
    // If this thread was late its callers had lost their turn: they have it before a newcomer, who stays in their place.
    if (admission === ADMISSION.admitted && isWaitedFor) {
      this.#waiters.append(waiter)
      const first = this.#waiters.first as PermitWaiter
      this.#waiters.remove(first)
      if (first === waiter) return admission
      first.admitted()
      return ADMISSION.queued
    }
    if (admission === ADMISSION.queued) {
      this.#waiters.append(waiter)
      this.#stopListening ??= doorbell.onRing(this.#onRing)
      this.#settle()
    }
    return admission
  }

  /** Tells an adaptive semaphore of a call that has ended, and whose permit is still to be given back; see {@link Semaphore.ended}. */
  ended(nowMs: number, ms: number): void {
    if (this.semaphore.ended(nowMs, ms)) this.#collectAll()
  }

  /** Changes limits, and lets in whom that lets in; see {@link Semaphore.update}. */
  update(change: LimitsChange): boolean {
    const isChanged = this.semaphore.update(change)
    if (isChanged) this.#collectAll()
    return isChanged
  }

  /** Gives a permit back. */
  readonly leave = (): void => {
    if (this.#give() === true) {
      this.#collectHere()
    } else if (this.#waiters.size > 0) {
      this.#settle()
    }
  }

  /** Takes back the permits of those who have ended or are late. Returns whether it has looked: it does not do so all the time. */
  reclaim(): boolean {
    const nowMs = this.#now()
    if (nowMs - this.#reclaimedMs < RECLAIM_MS) return false
    this.#reclaimedMs = nowMs
    this.semaphore.reclaim(nowMs)
    return true
  }

  /** A thread of this process has ended: what it held goes to those who wait. */
  buryThread(threadId: number): void {
    this.semaphore.threadEnded(threadId)
    this.semaphore.reclaim(this.#now())
    this.#collectAll()
  }

  /** Takes `waiter`, which waits here, out of the queue. */
  giveUp(waiter: PermitWaiter): void {
    this.#waiters.remove(waiter)
    // If there is no place left, a permit has been handed over for each caller, so one too many.
    if (this.semaphore.cancel()) this.#settle()
    // Or it was taken back just now, and has a place again.
    else if (this.#collect() === 0) this.semaphore.cancel()
  }

  /** A permit has gone to a caller of this thread, who may wait by another handle of the same semaphore. */
  #collectHere(): void {
    if (this.#collect() === 0) doorbell.answer()
  }

  /** Permits have gone to callers of this thread, some of whom may wait by other handles. */
  #collectAll(): void {
    this.#collect()
    doorbell.answer()
  }

  /** Admits those whose permits have been handed over; returns how many permits that were. */
  #collect(): number {
    const count = this.semaphore.collect()
    for (let i = 0; i < count; i++) {
      const waiter = this.#waiters.first
      if (waiter === null) {
        // Its caller has given up, so the next one gets it. There is none only if a thread has scribbled over shared memory.
        if (this.semaphore.held() > 0) this.leave()
      } else {
        this.#waiters.remove(waiter)
        waiter.admitted()
      }
    }
    this.#settle()
    return count
  }

  /** Listens while anybody waits; keeps the thread alive while what they wait for is another thread's to give. */
  #settle(): void {
    const isWaiting = this.#waiters.size > 0
    const mustHold = isWaiting && this.semaphore.held() < this.semaphore.limit()
    if (mustHold !== this.#isHolding) {
      this.#isHolding = mustHold
      if (mustHold) doorbell.hold()
      else doorbell.letGo()
    }
    if (isWaiting) {
      this.#poll ??= realSetInterval(this.#onPoll, this.semaphore.isOfMachine ? POLL_MS : RECLAIM_MS).unref()
      return
    }
    this.#stopListening?.()
    this.#stopListening = undefined
  }
}
