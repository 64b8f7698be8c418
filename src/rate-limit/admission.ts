import { notify } from '../internal/events/listeners.js'
import { checkNumber, checkSignal } from '../internal/options/validate.js'
import { systemClock } from '../internal/time/clock.js'
import { type Bucket, OUTCOME, type Outcome } from '../memory/bucket/bucket.js'
import type { Ticket } from '../memory/bucket/waiters.js'
import { MAX_BURST } from '../memory/shared/rate.js'
import type { LimitPart } from './charges.js'
import { Lease, type LeaseHost } from './lease.js'
import { GRANTED, letIn, maxWaitMsOf } from './wait-policy.js'
import type { AcquireOptions, Reservation } from './limiter-types.js'
import type { CompletePolicy } from './rate-limit-policy.js'
import { changeUnderWay, disposedError, moreThanBurst, rateLimitExceeded, tooLong } from './refusals.js'
import { waitBlocked } from './waiting/blocking-wait.js'
import { WaitQueue, waitingQueues } from './waiting/wait-queue.js'

/** Counts of a limiter's decisions. */
export interface Counts {
  allowed: number
  denied: number
  /** How long callers have blocked this thread, in ms. */
  blockedMs: number
}

/** Admits callers, makes them wait or refuses them: applies the policy of one limiter of this thread to its bucket. */
export class Admission {
  readonly counts: Counts = { allowed: 0, denied: 0, blockedMs: 0 }
  readonly queue: WaitQueue
  readonly leaseHost: LeaseHost
  /** The lease that `tryAcquire` decides from if the policy has a `leaseSize`. */
  readonly ownLease: Lease | undefined
  readonly #policy: CompletePolicy
  readonly #bucket: Bucket
  #isOver = false

  constructor(policy: CompletePolicy, bucket: Bucket) {
    this.#policy = policy
    this.#bucket = bucket
    this.queue = new WaitQueue(bucket, policy.clock)
    this.leaseHost = {
      bucket,
      isDry: policy.dryRun,
      open: new Set(),
      checkUsable: () => this.#checkNotOver(),
      countAllowed: (calls) => {
        this.counts.allowed += calls
      },
      countDenied: () => {
        this.counts.denied++
      },
      returned: () => this.recheck(),
    }
    const { leaseSize } = policy
    if (leaseSize !== undefined) this.ownLease = Lease.of(this.leaseHost, { size: leaseSize })
  }

  /** Takes tokens if all of them are there, else none. */
  tryAcquire(tokens: number): boolean {
    if (this.ownLease?.mayHold(tokens) === true) return this.ownLease.tryAcquire(tokens)
    this.checkUsable()
    this.#checkTokens(tokens)
    const outcome = this.#bucket.tryAcquire(tokens)
    if (outcome === OUTCOME.granted) {
      this.counts.allowed++
      return true
    }
    if (outcome !== OUTCOME.denied) throw this.#impossible(outcome, tokens)
    this.counts.denied++
    return this.#policy.dryRun
  }

  /** Takes tokens, or lets the caller wait for them. */
  acquire(tokens: number, options: AcquireOptions | undefined): Promise<void> {
    const maxWaitMs = this.#maxWaitMs(options, ['signal', 'maxWaitMs'])
    const signal = checkSignal('signal', options?.signal)
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#policy.dryRun) {
      this.tryAcquire(tokens)
      return GRANTED
    }
    const waitMs = this.#takeOrEstimate(tokens, maxWaitMs)
    if (waitMs <= 0) {
      this.counts.allowed++
      return GRANTED
    }
    const wait = this.queue.wait(tokens, signal, () => this.counts.allowed++)
    notify('onWait', this.#policy.onWait, waitMs)
    return wait
  }

  /** Like `acquire`, but blocks the thread while the caller waits. */
  acquireBlocked(tokens: number, options: AcquireOptions | undefined): void {
    const maxWaitMs = this.#maxWaitMs(options, ['maxWaitMs'])
    if (this.#policy.dryRun) return void this.tryAcquire(tokens)
    const waitMs = this.#takeOrEstimate(tokens, maxWaitMs)
    if (waitMs > 0) {
      if (this.#policy.clock !== systemClock) {
        throw new TypeError(
          'acquireSync cannot wait on a clock of yours, which would stand still while this thread is blocked; use acquire, or maxWaitMs: 0',
        )
      }
      notify('onWait', this.#policy.onWait, waitMs)
      this.counts.blockedMs += waitBlocked(this.#bucket, tokens)
    }
    this.counts.allowed++
  }

  /** Takes tokens, now or from the future. */
  reserve(tokens: number, options: AcquireOptions | undefined): Reservation {
    // Waits even if the policy lets no caller of `acquire` wait: this caller does the waiting itself.
    const asked = this.#maxWaitMs(options, ['maxWaitMs'], true)
    const maxWaitMs = this.#policy.dryRun ? 0 : asked
    this.checkUsable()
    this.#checkTokens(tokens)
    const { outcome, ticket } = this.#bucket.reserve(tokens, maxWaitMs)
    if (outcome === OUTCOME.granted) {
      this.counts.allowed++
      const { waitMs } = ticket
      let isHeld = true
      const cancel = (): number => {
        if (!isHeld) return 0
        isHeld = false
        return this.#cancel(ticket, tokens)
      }
      return { waitMs, cancel }
    }
    if (outcome !== OUTCOME.denied) throw this.#impossible(outcome, tokens)
    this.counts.denied++
    if (this.#policy.dryRun) return { waitMs: 0, cancel: () => 0 }
    throw rateLimitExceeded(tokens, ticket.waitMs, tooLong(ticket.waitMs, maxWaitMs), this.#policy.name ?? null)
  }

  /** How long a caller would wait now, ms. */
  estimateMs(tokens: number): number {
    this.checkUsable()
    this.#checkTokens(tokens)
    if (tokens > this.#bucket.parameters().burstSize) throw this.#impossible(OUTCOME.exceedsBurst, tokens)
    return this.queue.line.estimateMs(tokens)
  }

  /** The bucket as a part of `RateLimiter.all`. */
  part(limiter: object): LimitPart {
    return {
      limiter,
      bucket: this.#bucket,
      future: this.#bucket,
      mayGiveBack: () => {
        const { spent, produced } = this.#bucket.survey()
        return spent <= produced
      },
      spare: () => this.queue.line.spare(),
      isDry: this.#policy.dryRun,
      checkUsable: () => this.checkUsable(),
      clock: this.#policy.clock,
      estimateMs: (tokens) => this.queue.line.estimateMs(tokens),
      letIn: (tokens, options) => this.#letIn(tokens, this.#maxWaitMs(options, ['signal', 'maxWaitMs']), true),
      arrive: (tokens) => this.queue.line.arrive(tokens),
      wait: (tokens, place, waitMs, signal) => {
        const wait = this.queue.wait(tokens, signal, () => undefined, place)
        notify('onWait', this.#policy.onWait, waitMs)
        return wait
      },
      returned: () => this.recheck(),
      count: (outcome) => {
        this.counts[outcome]++
      },
    }
  }

  /** Called after an attempt to change parameters. @throws if it did not succeed */
  changed(outcome: Outcome): void {
    if (outcome !== OUTCOME.granted) throw this.#impossible(outcome, 0)
    this.recheck()
  }

  /** Makes all queues of this thread look again: any of them may wait for this bucket, and its callers' turns may have changed. */
  recheck(): void {
    waitingQueues.recheck()
  }

  /** Whether the limiter has been disposed. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Throws once the limiter is disposed. Returns the tokens of its own lease to the bucket, so that the caller finds them there. */
  checkUsable(): void {
    this.#checkNotOver()
    this.ownLease?.interrupt()
  }

  #checkNotOver(): void {
    if (this.#isOver) throw disposedError()
  }

  /** Ends every wait, and refuses all later calls. */
  end(): void {
    this.#isOver = true
    this.queue.refuseAll(disposedError())
    for (const lease of this.leaseHost.open) lease[Symbol.dispose]()
  }

  #cancel(ticket: Ticket, tokens: number): number {
    const bucket = this.#bucket
    const returned =
      bucket.cancel(ticket, tokens) || this.queue.line.adopt((axis) => bucket.endOf(ticket, axis), tokens)
    if (returned > 0) this.recheck()
    return returned
  }

  /** Takes tokens, and returns 0; or admits the caller to the line and returns how long it will wait. @throws the refusal */
  #takeOrEstimate(tokens: number, maxWaitMs: number): number {
    this.checkUsable()
    this.#checkTokens(tokens)
    this.queue.catchUp()
    const waiting = this.queue.size
    if (waiting === 0) {
      const outcome = this.#bucket.tryAcquire(tokens)
      if (outcome === OUTCOME.granted) return 0
      if (outcome !== OUTCOME.denied) throw this.#impossible(outcome, tokens)
    } else if (tokens > 1 && tokens > this.#bucket.parameters().burstSize) {
      throw this.#impossible(OUTCOME.exceedsBurst, tokens)
    }
    return this.#letIn(tokens, maxWaitMs)
  }

  /** How long a caller that finds no tokens will wait for them, ms > 0; Infinity if nobody needs to know. @throws the refusal */
  #letIn(tokens: number, maxWaitMs: number, isAsked = false): number {
    const estimateMs = (): number => this.queue.line.estimateMs(tokens)
    return letIn(this.#policy, this.counts, this.queue.size, tokens, maxWaitMs, estimateMs, isAsked)
  }

  #maxWaitMs(options: AcquireOptions | undefined, known: readonly string[], waits?: boolean): number {
    return maxWaitMsOf(this.#policy, options, 'RateLimiter', known, waits)
  }

  /** Leaves it to the bucket to find more than the burst, since only the bucket knows the present burst. */
  #checkTokens(tokens: unknown): void {
    if (typeof tokens === 'number' && tokens > 0 && tokens <= MAX_BURST) return
    const name = tokens !== null && typeof tokens === 'object' ? 'tokens (options are the second argument)' : 'tokens'
    checkNumber(name, tokens, { min: 0, exclusiveMin: true, max: this.#bucket.parameters().burstSize })
  }

  #impossible(outcome: Outcome, tokens: number): Error {
    return outcome === OUTCOME.exceedsBurst
      ? moreThanBurst(tokens, this.#bucket.parameters().burstSize)
      : changeUnderWay()
  }
}
