import { type SignalListener, unwatchSignal, watchSignal } from '../../internal/signal-watch.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { type DueTimer, tellableMs, timersOf } from '../../internal/time/timers.js'
import type { WaitingBucket } from '../../memory/bucket/waiters.js'
import { Caller } from './caller.js'
import { WaitTally } from './wait-tally.js'
import { WaitingLine } from './waiting-line.js'

/** A limiter with many queues, which notifies each queue of changes to its bucket. */
export interface QueueOwner {
  readonly tally: WaitTally
  /** Called when nobody waits in the queue any more. */
  idle(): void
}

/** The shortest delay that timers do not treat as "now", ms. */
const SHORTEST_MS = 0.000_002

/** Queues of this thread in which somebody waits. A call on one limiter may affect any of them, as they may share a bucket. */
class WaitingQueues extends Set<WaitQueue> {
  /** Makes every queue look again, after the parameters of some bucket have changed or tokens have come back. */
  recheck(): void {
    for (const queue of this) queue.recheck()
  }
}

export const waitingQueues = new WaitingQueues()

/** A caller with its promise. */
class Waiter extends Caller implements SignalListener {
  /** Set right after the promise is made. */
  settle!: { resolve: () => void; reject: (reason: unknown) => void }

  constructor(
    readonly queue: WaitQueue,
    tokens: number,
    readonly signal: AbortSignal | undefined,
    readonly startedMs: number,
    readonly whenAdmitted: () => void,
  ) {
    super(tokens)
  }

  admitted(): void {
    if (this.signal !== undefined) unwatchSignal(this.signal, this)
    this.queue.countWait(this.startedMs)
    this.whenAdmitted()
    this.settle.resolve()
  }

  signalAborted(): void {
    this.queue.giveUp(this, this.signal?.reason)
  }

  refuse(reason: unknown): void {
    if (this.signal !== undefined) unwatchSignal(this.signal, this)
    this.queue.countRefusal()
    this.settle.reject(reason)
  }
}

/** The callers of one bucket that wait in this thread, behind one timer. */
export class WaitQueue {
  readonly #clock: Clock
  /** Its callers in their order. */
  readonly line: WaitingLine
  /** The callers of the line, kept here because every `acquire` reads their number. */
  readonly #callers: { readonly size: number }
  readonly #timer: DueTimer
  readonly #owner: QueueOwner | null
  readonly #tally: WaitTally
  #isArmed = false
  #willLook = false

  /** @param owner - the limiter, if this queue is for one of many keys; null if it is the limiter's only queue */
  constructor(bucket: WaitingBucket, clock: Clock, owner: QueueOwner | null = null) {
    this.#clock = clock
    this.#owner = owner
    this.#tally = owner?.tally ?? new WaitTally()
    // With a test's clock, every limiter is in this thread, and reports its changes itself.
    this.line = new WaitingLine(bucket, owner === null && clock === systemClock)
    this.#callers = this.line.list
    this.#timer = {
      due: 0,
      order: 0,
      heapIndex: -1,
      run: () => {
        this.#isArmed = false
        this.#look()
      },
    }
  }

  /** How many callers wait. */
  get size(): number {
    return this.#callers.size
  }

  get tally(): WaitTally {
    return this.#tally
  }

  /**
   * Waits for the caller's turn. On abort the promise rejects with the signal's reason.
   *
   * @param admitted - called when the wait has ended with tokens
   * @param place - the result of {@link WaitingLine.arrive} if the caller came earlier; -1 if it comes now
   */
  wait(tokens: number, signal: AbortSignal | undefined, admitted: () => void, place = -1): Promise<void> {
    const waiter = new Waiter(this, tokens, signal, this.#clock.now(), admitted)
    const wait = new Promise<void>((resolve, reject) => {
      waiter.settle = { resolve, reject }
    })
    waiter.place = place
    if (signal !== undefined) watchSignal(signal, waiter)
    this.#tally.waiting++
    if (this.#owner === null) waitingQueues.add(this)
    if (this.line.enter(waiter)) this.#look()
    return wait
  }

  /** Counts a wait that has ended with tokens. */
  countWait(startedMs: number): void {
    this.#tally.admitted(this.#clock.now() - startedMs)
  }

  /** Counts a wait that has ended without tokens. */
  countRefusal(): void {
    this.#tally.waiting--
  }

  /** Tokens that callers have reserved beyond now, here and in other threads. */
  owed(): number {
    return this.line.owed()
  }

  /** Admits callers that are due, before a newcomer takes tokens: the event loop may be late. */
  catchUp(): void {
    if (this.#isArmed && this.#timer.due <= this.#clock.now()) this.#look()
  }

  /**
   * Makes a change of the bucket that its axis does not show, and looks again after it.
   *
   * @param isGain - whether it only adds tokens, so that held tokens stay good
   */
  change<T>(isGain: boolean, change: () => T): T {
    if (isGain) this.line.giveBack()
    else this.line.letGo()
    const result = change()
    this.#look()
    return result
  }

  /** Looks again after a change: the callers' turns may come at another time. */
  recheck(): void {
    if (this.line.size > 0) this.#look()
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (let first = this.line.first; first !== null; first = this.line.first) this.giveUp(first, reason)
  }

  /** Ends a wait that has not ended yet. */
  giveUp(waiter: Caller, reason: unknown): void {
    this.line.leave(waiter)
    waiter.refuse(reason)
    if (this.line.size === 0) this.#look()
    else this.#lookSoon()
  }

  /** Looks once for all callers that give up in this turn of the event loop. */
  #lookSoon(): void {
    if (this.#willLook) return
    this.#willLook = true
    queueMicrotask(() => {
      this.#willLook = false
      this.recheck()
    })
  }

  #look(): void {
    const nextMs = this.line.look()
    // A caller that was admitted may have called `acquire` again already, and set the timer.
    const timers = timersOf(this.#clock)
    if (this.#isArmed) timers.remove(this.#timer)
    this.#isArmed = this.line.size > 0
    if (this.#isArmed) timers.add(this.#timer, Math.max(nextMs, SHORTEST_MS, tellableMs(this.#clock)))
    else if (this.#owner === null) waitingQueues.delete(this)
    else this.#owner.idle()
  }
}
