import { realClearInterval, realNow, realSetInterval } from '../../internal/time/real-timers.js'
import { doorbell } from '../shared/doorbell.js'
import { type Prioritized, PriorityList } from './priority-list.js'
import { ADMISSION, type Admission, type LimitsChange, type Semaphore } from './semaphore.js'

/** How often a caller looks for a permit that another process hands over, since other processes do not ring. */
const POLL_MS = 5
/** How often, at most, it looks for ended processes, which takes some microseconds each, and for late threads. */
const RECLAIM_MS = 100

/** A caller that waits for a permit. An object, so that waiting needs no closure. */
export interface PermitWaiter extends Prioritized<PermitWaiter> {
  /** Called when the caller has its permit; must not throw. */
  admitted(): void
}

/**
 * The callers of this thread that wait for permits of one semaphore. The semaphore has the order among threads, and counts how many of this
 * thread's callers come next. This queue decides which: the highest priority, and first come, first served within a priority. So when a
 * caller gives up, later ones move up, and the thread's *last* place is given back.
 */
export class PermitQueue {
  readonly semaphore: Semaphore
  /** Takes a permit: undefined if one was free, false if not. Bound. */
  readonly tryEnter: () => undefined | false
  readonly #give: () => undefined | boolean
  readonly #waiters = new PriorityList<PermitWaiter>()
  readonly #onRing = (): void => void this.#collect()
  readonly #onPoll = (): void => {
    // The timer does not stop before: else callers that wait only for moments would set it each time.
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

  /** @param now - the clock, ms, by which other threads are late */
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

  /** Admits callers with permits from other threads, and returns whether any callers of this thread still wait. */
  isWaitedFor(): boolean {
    if (this.#waiters.size > 0) this.#collect()
    return this.#waiters.size > 0
  }

  /** Takes a permit, or makes `waiter` wait for one, or refuses because the queue is full. */
  enter(waiter: PermitWaiter): Admission {
    const isWaitedFor = this.isWaitedFor()
    let admission = this.semaphore.acquire()
    if (admission === ADMISSION.refused && this.reclaim()) admission = this.semaphore.acquire()
    // If this thread was late, its callers have lost their turn. The first of them gets the permit, and the newcomer waits instead.
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

  /** Reports a call that has ended to an adaptive semaphore, before its permit is given back; see {@link Semaphore.ended}. */
  ended(nowMs: number, ms: number): void {
    if (this.semaphore.ended(nowMs, ms)) this.#collectAll()
  }

  /** Changes limits, and admits the callers that this allows; see {@link Semaphore.update}. */
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

  /** Reclaims permits of processes that have ended, and of late threads. Returns false if the last attempt was too recent. */
  reclaim(): boolean {
    const nowMs = this.#now()
    if (nowMs - this.#reclaimedMs < RECLAIM_MS) return false
    this.#reclaimedMs = nowMs
    this.semaphore.reclaim(nowMs)
    return true
  }

  /** Called when a thread of this process has ended: its permits go to callers that wait. */
  buryThread(threadId: number): void {
    this.semaphore.threadEnded(threadId)
    this.semaphore.reclaim(this.#now())
    this.#collectAll()
  }

  /** Removes `waiter`, which waits here, from the queue. */
  giveUp(waiter: PermitWaiter): void {
    this.#waiters.remove(waiter)
    // `cancel` fails if this thread has no place left: then each caller was handed a permit, which is one too many.
    if (this.semaphore.cancel()) this.#settle()
    // No permit was collected: it was reclaimed just now, and the place is there again.
    else if (this.#collect() === 0) this.semaphore.cancel()
  }

  /** Called when a permit has gone to a caller of this thread, which may wait by another handle of the same semaphore. */
  #collectHere(): void {
    if (this.#collect() === 0) doorbell.answer()
  }

  /** Called when permits have gone to callers of this thread, some of which may wait by other handles. */
  #collectAll(): void {
    this.#collect()
    doorbell.answer()
  }

  /** Admits the callers whose permits have been handed over; returns how many permits there were. */
  #collect(): number {
    const count = this.semaphore.collect()
    for (let i = 0; i < count; i++) {
      const waiter = this.#waiters.first
      if (waiter === null) {
        // The caller has given up, so its permit is given back. None is held only if a thread has damaged shared memory.
        if (this.semaphore.held() > 0) this.leave()
      } else {
        this.#waiters.remove(waiter)
        waiter.admitted()
      }
    }
    this.#settle()
    return count
  }

  /** Listens while anybody waits. Keeps the thread alive while callers wait for permits that only another thread can give. */
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
