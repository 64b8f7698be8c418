import { notify } from '../../internal/events/listeners.js'
import { checkNumber, checkSignal } from '../../internal/options/validate.js'
import { OUTCOME } from '../../memory/bucket/bucket.js'
import type { Key } from '../../memory/keyed/key.js'
import type { KeyedTable } from '../../memory/keyed/table.js'
import { MAX_BURST } from '../../memory/shared/rate.js'
import type { LimitPart } from '../charges.js'
import { GRANTED, letIn, maxWaitMsOf } from '../wait-policy.js'
import type { AcquireOptions } from '../limiter-types.js'
import { disposedError, moreThanBurst, noRoomForKey } from '../refusals.js'
import type { CompleteKeyedPolicy } from './policy.js'
import { KeyedQueue } from './queue.js'

/** Admits callers, makes them wait or refuses them: applies the policy of one keyed limiter of this thread to its table. */
export class KeyedAdmission {
  readonly counts = { allowed: 0, denied: 0 }
  readonly queue: KeyedQueue
  readonly #policy: CompleteKeyedPolicy
  readonly #table: KeyedTable
  #isOver = false

  constructor(policy: CompleteKeyedPolicy, table: KeyedTable) {
    this.#policy = policy
    this.#table = table
    this.queue = new KeyedQueue(table, policy.clock)
  }

  /** Takes tokens if all of them are there, else none. */
  tryAcquire(key: Key, tokens: number): boolean {
    this.checkUsable()
    this.checkTokens(tokens)
    if (this.#take(key, tokens)) return true
    this.counts.denied++
    return this.#policy.dryRun
  }

  /** Takes tokens, or lets the caller wait for them. */
  acquire(key: Key, tokens: number, options: AcquireOptions | undefined): Promise<void> {
    const maxWaitMs = this.#maxWaitMs(options)
    const signal = checkSignal('signal', options?.signal)
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#policy.dryRun) {
      this.tryAcquire(key, tokens)
      return GRANTED
    }
    this.checkUsable()
    this.checkTokens(tokens)
    this.queue.catchUp(key)
    if (!this.queue.has(key) && this.#take(key, tokens)) return GRANTED
    const waitMs = this.#letIn(key, tokens, maxWaitMs)
    const wait = this.queue.wait(key, tokens, signal, () => this.counts.allowed++)
    notify('onWait', this.#policy.onWait, waitMs)
    return wait
  }

  /** The bucket of one key as a part of `RateLimiter.all`. */
  part(limiter: object, key: Key): LimitPart {
    const { queue } = this
    return {
      limiter,
      bucket: {
        tryAcquire: (tokens) => this.#table.tryAcquire(key, tokens),
        refund: (tokens) => queue.refund(key, tokens),
        charge: (tokens) => queue.charge(key, tokens),
        available: () => this.#table.look(key, 1).available,
        parameters: () => this.#policy,
      },
      get future() {
        return queue.bucketOf(key)
      },
      // `refund` makes callers that wait in this thread release the tokens they hold first.
      mayGiveBack: () => true,
      spare: () => queue.spare(key),
      isDry: this.#policy.dryRun,
      checkUsable: () => this.checkUsable(),
      clock: this.#policy.clock,
      estimateMs: (tokens) => queue.estimateMs(key, tokens),
      letIn: (tokens, options) => this.#letIn(key, tokens, this.#maxWaitMs(options), true),
      arrive: () => queue.arrive(),
      wait: (tokens, place, waitMs, signal) => {
        const wait = queue.wait(key, tokens, signal, () => undefined, place)
        notify('onWait', this.#policy.onWait, waitMs)
        return wait
      },
      returned: () => undefined,
      count: (outcome) => {
        this.counts[outcome]++
      },
    }
  }

  /** Whether the limiter has been disposed. */
  get isOver(): boolean {
    return this.#isOver
  }

  checkUsable(): void {
    if (this.#isOver) throw disposedError()
  }

  checkTokens(tokens: number): void {
    const { burstSize } = this.#policy
    if (typeof tokens === 'number' && tokens > 0 && tokens <= burstSize) return
    checkNumber('tokens', tokens, { min: 0, exclusiveMin: true, max: MAX_BURST })
    throw moreThanBurst(tokens, burstSize)
  }

  /** Ends every wait, and refuses all later calls. */
  end(): void {
    this.#isOver = true
    this.queue.refuseAll(disposedError())
  }

  #take(key: Key, tokens: number): boolean {
    if (this.#table.tryAcquire(key, tokens) !== OUTCOME.granted) return false
    this.counts.allowed++
    return true
  }

  #maxWaitMs(options: AcquireOptions | undefined): number {
    return maxWaitMsOf(this.#policy, options, 'KeyedRateLimiter', ['signal', 'maxWaitMs'])
  }

  /** How long a caller that finds no tokens will wait for them, ms > 0; Infinity if nobody needs to know. @throws the refusal */
  #letIn(key: Key, tokens: number, maxWaitMs: number, isAsked = false): number {
    const estimateMs = (): number => this.queue.estimateMs(key, tokens)
    if (!this.queue.has(key) && this.#table.survey(key, 0).pausedMs > 0) {
      this.counts.denied++
      throw noRoomForKey(Math.max(estimateMs(), Number.MIN_VALUE), this.#policy.name ?? null)
    }
    return letIn(this.#policy, this.counts, this.queue.size, tokens, maxWaitMs, estimateMs, isAsked)
  }
}
