import { type Linked, LinkedList } from '../internal/linked-list.js'
import {
  type SignalListener,
  throwIfAborted,
  unlessAborted,
  unwatchSignal,
  watchSignal,
} from '../internal/signal-watch.js'
import type { Clock } from '../internal/time/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/time/timers.js'
import { tooLong } from '../rate-limit/refusals.js'
import { PROBE_MS } from './server.js'

/** Whether a caller got its tokens; if not, how long it would have to wait, or the error that it gets. */
export interface Turn {
  readonly allowed: boolean
  readonly waitMs: number
  readonly error?: unknown
  readonly source?: 'lease' | 'redis' | 'fallback'
}

/** The limiter of the queue. */
export interface Host<T, R extends Turn> {
  /** Takes the tokens of the caller whose turn it is; that caller gets what it throws. */
  turn(tokens: T): Promise<R>
  /** A turn has decided about a caller that waited. */
  decided(turn: Turn): void
  /** The server has given tokens to a caller that was gone by then. */
  giveBack(tokens: T): void
  /** The error of a caller that would wait too long, or has waited as long as it may. */
  refusal(tokens: T, waitMs: number, why: string): Error
}

/** Callers of one limiter that wait, first come first served. The first one asks the server; the others wait behind it and ask nothing. */
export class RedisWaiters<T, R extends Turn = Turn> {
  readonly #host: Host<T, R>
  readonly #clock: Clock
  readonly #timers: SharedTimers
  readonly #waiters = new LinkedList<Waiter<T>>()
  /** Callers whose time is up while a question that may bring their tokens is still under way. */
  readonly #late = new Set<Waiter<T>>()
  readonly #graceMs: () => number
  #isServing = false
  /** How often the limiter was changed; older answers no longer apply. */
  #changes = 0
  /** The sleep until the first caller's next turn; `run` ends it immediately. */
  #sleeping: DueTimer | undefined = undefined

  /** @param graceMs - how much longer than `maxWaitMs` a caller may wait for an answer */
  constructor(host: Host<T, R>, clock: Clock, graceMs: () => number) {
    this.#graceMs = graceMs
    this.#host = host
    this.#clock = clock
    this.#timers = timersOf(clock)
  }

  get size(): number {
    return this.#waiters.size
  }

  /**
   * Takes `tokens` if they are available now. Rejects with the signal's reason; tokens that arrive after that are given back.
   *
   * @returns a promise of undefined if others wait: they came first
   */
  async take(tokens: T, signal: AbortSignal | undefined): Promise<R | undefined> {
    throwIfAborted(signal)
    if (this.#waiters.size > 0) return undefined
    const taking = this.#host.turn(tokens)
    if (signal === undefined) return taking
    try {
      return await unlessAborted(taking, signal)
    } catch (error) {
      // If the question fails later, nobody is left to hear of it.
      taking.then(
        (turn) => this.#giveBack(tokens, turn),
        () => undefined,
      )
      throw error
    }
  }

  /**
   * Waits for `tokens`. Rejects with the signal's reason, or if the wait would be longer than `maxWaitMs`.
   *
   * @param waits - called once it is known that they are not available yet
   */
  wait(tokens: T, maxWaitMs: number, signal: AbortSignal | undefined, waits?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(tokens, this.#clock.now() + maxWaitMs, maxWaitMs, resolve, reject, signal, (one) =>
        this.#end(one),
      )
      this.#waiters.append(waiter)
      if (signal !== undefined) watchSignal(signal, waiter)
      if (maxWaitMs !== Infinity) this.#timers.add(waiter, maxWaitMs)
      waiter.tooLate = () => this.#timeUp(waiter)
      waiter.waits = waits
      if (this.#sleeping !== undefined) waiter.tell()
      void this.#serve()
    })
  }

  /** Refuses all waiting callers. */
  refuseAll(error: unknown): void {
    for (let waiter = this.#waiters.first; waiter !== null; waiter = this.#waiters.first) {
      this.#end(waiter)
      waiter.reject(error)
    }
    this.#sleeping?.run()
  }

  /** Rate or burst have changed: the first caller gets another turn. */
  changed(): void {
    this.#changes++
    this.#sleeping?.run()
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    for (let first = this.#waiters.first; first !== null; first = this.#waiters.first) {
      const changes = this.#changes
      const turn = await this.#host.turn(first.tokens).catch(failed)
      if (first.hasEnded) {
        this.#giveBack(first.tokens, turn)
      } else if (turn.allowed || turn.error !== undefined) {
        this.#host.decided(turn)
        this.#end(first)
        if (turn.allowed) first.resolve()
        else first.reject(turn.error)
      } else if (changes !== this.#changes) {
        continue
      } else if (this.#clock.now() + turn.waitMs > first.deadlineMs) {
        this.#host.decided(turn)
        this.#refuse(first, turn.waitMs)
      } else {
        // The callers behind it have to wait, too.
        for (let waiter: Waiter<T> | null = first; waiter !== null; waiter = waiter.next) waiter.tell()
        for (const late of this.#late) this.#refuse(late, turn.waitMs)
        // The server may be back long before the fallback has a token.
        await this.#sleep(turn.source === 'fallback' ? Math.min(turn.waitMs, PROBE_MS) : turn.waitMs)
      }
    }
    this.#isServing = false
  }

  /** Ends early when the first caller leaves. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const run = (): void => {
        this.#timers.remove(timer)
        this.#sleeping = undefined
        resolve()
      }
      const timer: DueTimer = { due: 0, order: 0, heapIndex: -1, run }
      this.#sleeping = timer
      this.#timers.add(timer, ms)
    })
  }

  /** Tokens that did not come from the server cannot be used anywhere else. */
  #giveBack(tokens: T, { allowed, source }: Turn): void {
    if (allowed && source !== 'fallback') this.#host.giveBack(tokens)
  }

  #refuse(waiter: Waiter<T>, waitMs: number): void {
    this.#end(waiter)
    waiter.reject(this.#host.refusal(waiter.tokens, waitMs, tooLong(waitMs, waiter.maxWaitMs)))
  }

  #timeUp(waiter: Waiter<T>): void {
    const isAsking = this.#isServing && this.#sleeping === undefined
    if (isAsking && !this.#late.has(waiter)) {
      this.#late.add(waiter)
      this.#timers.add(waiter, this.#graceMs())
      return
    }
    const { tokens, maxWaitMs } = waiter
    const retryAfterMs = this.#sleeping === undefined ? maxWaitMs : this.#sleeping.due - this.#clock.now()
    this.#end(waiter)
    waiter.reject(this.#host.refusal(tokens, Math.max(0, retryAfterMs), `they have not come within ${maxWaitMs} ms`))
  }

  #end(waiter: Waiter<T>): void {
    const wasFirst = this.#waiters.first === waiter
    waiter.hasEnded = true
    this.#waiters.remove(waiter)
    this.#timers.remove(waiter)
    this.#late.delete(waiter)
    if (waiter.signal !== undefined) unwatchSignal(waiter.signal, waiter)
    if (wasFirst) this.#sleeping?.run()
  }
}

/** One caller. */
class Waiter<T> implements Linked<Waiter<T>>, DueTimer, SignalListener {
  previous: Waiter<T> | null = null
  next: Waiter<T> | null = null
  due = 0
  order = 0
  heapIndex = -1
  hasEnded = false
  tooLate: () => void = () => undefined
  waits: (() => void) | undefined = undefined

  constructor(
    readonly tokens: T,
    readonly deadlineMs: number,
    readonly maxWaitMs: number,
    readonly resolve: () => void,
    readonly reject: (error: unknown) => void,
    readonly signal: AbortSignal | undefined,
    readonly gone: (waiter: Waiter<T>) => void,
  ) {}

  /** Reports, once, that it has to wait. */
  tell(): void {
    this.waits?.()
    this.waits = undefined
  }

  /** It has waited for its longest wait. */
  run(): void {
    this.tooLate()
  }

  signalAborted(): void {
    this.gone(this)
    this.reject(this.signal?.reason)
  }
}

/** The outcome of a turn that failed, for example because the limiter was closed meanwhile. */
function failed(error: unknown): Turn {
  return { allowed: false, waitMs: 0, error }
}
