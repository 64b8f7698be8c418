import { RateLimitExceeded } from '../errors.js'
import { EventSource } from '../internal/events/events.js'
import { valueOf } from '../internal/options/predicate.js'
import { checkFunction, checkKeys, describe } from '../internal/options/validate.js'
import { isPolicy } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { Key } from '../memory/keyed/key.js'
import { GRANTED } from '../rate-limit/wait-policy.js'
import { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import { KEYED_OPTIONS, type KeyedRateLimitPolicy } from '../rate-limit/keyed/policy.js'
import { WHY_BOUND, whyBound } from './bound.js'
import type { RateLimitEvents } from './stages/rate-limit-stage.js'
import { NO_ARGUMENTS, type Scope } from './stages/scope.js'
import type { Call, LinearStage } from './stages/stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'

export { isKey, type Key } from '../memory/keyed/key.js'

/** Finds the key of a call in its arguments. */
export interface KeyFunction<Args extends unknown[]> {
  (...args: Args): Key
}

/** The part of a limiter that a limit by key needs. The limiter may be a `KeyedRateLimiter`, a `RedisKeyedRateLimiter`, or your own. */
export interface LimiterByKey {
  /** Its name. */
  readonly name?: string
  /** Waits for `tokens` of a key; rejects with `RateLimitExceeded` if it does not wait, or with the aborted signal's reason. */
  acquire(key: Key, tokens?: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** Counts, including the callers that wait now. */
  stats(): { readonly waiting: number }
  /** Like `acquire` of one token, for a limiter that has to ask a server: calls `waits` if there is no token. @internal */
  acquireReporting?(key: Key, waits: () => void, signal: AbortSignal | undefined): Promise<void>
}

/** Options of a limit by key around a function: a key function, and a keyed policy or an existing limiter. */
export type KeyedRateLimitOptions<Args extends unknown[], L extends LimiterByKey = KeyedRateLimiter> = {
  /** Returns the key of a call, from the arguments of the call: a string, number or bigint. */
  keyed: KeyFunction<Args>
} & (KeyedRateLimitPolicy | { /** The limiter to share. */ limiter: L })

/** Takes one token of a key for each call. */
class KeyedRateLimitStage implements LinearStage {
  readonly kind = 'rate-limit'
  readonly readsArguments = true
  readonly events: EventSource<RateLimitEvents>
  readonly #limiter: LimiterByKey
  /** The same limiter, if it can decide at once. */
  readonly #own: KeyedRateLimiter | undefined
  readonly #name: string | null
  readonly keyOf: KeyFunction<unknown[]>

  constructor(limiter: LimiterByKey, keyOf: KeyFunction<unknown[]>) {
    this.#limiter = limiter
    this.#own = limiter instanceof KeyedRateLimiter ? limiter : undefined
    this.#name = nameOf(limiter)
    this.keyOf = keyOf
    this.events = new EventSource('rate-limit', this.#name, ['waiting', 'refused'], this.#own?.policy.clock)
  }

  enter({ scope }: Call): Promise<void> | undefined {
    const { args } = scope
    if (args === NO_ARGUMENTS && this.keyOf.length > 0) {
      throw new TypeError(
        'a limit by key needs the arguments of a guarded function: use withRateLimit or wrap, or acquire(key) of the limiter itself',
      )
    }
    const key = valueOf(this.keyOf(...args))
    // Only a call that has to wait needs a signal, which is expensive.
    if (!scope.aborted && this.#own?.takeNow(key) === true) return undefined
    const turn = this.events.isHeard ? this.#acquireHeard(key, scope) : this.#acquire(key, scope)
    return turn === GRANTED ? undefined : turn
  }

  #acquire(key: Key, scope: Scope): Promise<void> {
    return scope.isAbortable ? this.#limiter.acquire(key, 1, { signal: scope.signal }) : this.#limiter.acquire(key)
  }

  #acquireHeard(key: Key, scope: Scope): Promise<void> {
    const turn = this.#acquireTelling(key, scope)
    if (turn === GRANTED) return turn
    return turn.catch((error: unknown) => {
      if (RateLimitExceeded.is(error)) this.events.emit('refused', { error })
      throw error
    })
  }

  #acquireTelling(key: Key, scope: Scope): Promise<void> {
    const limiter = this.#limiter
    const tell = (): void => this.events.emit('waiting', { limiterName: this.#name })
    if (limiter.acquireReporting !== undefined) {
      let waits: () => void = tell
      // The promise makes listeners run in the async context of this call.
      void new Promise<void>((resolve) => (waits = resolve)).then(tell)
      return limiter.acquireReporting(key, waits, scope.isAbortable ? scope.signal : undefined)
    }
    const waitingBefore = limiter.stats().waiting
    const turn = this.#acquire(key, scope)
    if (limiter.stats().waiting > waitingBefore) tell()
    return turn
  }

  leave(): undefined {
    // A taken token stays spent.
  }
}

/** Takes a token of the call's key for each call of a guarded function; made by `withRateLimit({ keyed: … })`. */
export class KeyedRateLimit<L extends LimiterByKey = KeyedRateLimiter> extends EventfulPolicy<RateLimitEvents> {
  readonly kind = 'rate-limit'
  /** The limiter whose tokens are taken. */
  readonly limiter: L
  readonly #stage: KeyedRateLimitStage

  constructor(options: KeyedRateLimitOptions<never[], L>) {
    checkKeys('withRateLimit', options, ['keyed', 'limiter', ...Object.keys(KEYED_OPTIONS)])
    const { keyed, ...rest } = options
    checkFunction('keyed', keyed)
    const limiter = limiterOf(rest)
    const stage = new KeyedRateLimitStage(limiter, keyed as KeyFunction<unknown[]>)
    super(stage)
    this.limiter = limiter as L
    this.#stage = stage
  }

  /** Counts of the limiter in this thread. */
  stats(): ReturnType<L['stats']> {
    return this.limiter.stats() as ReturnType<L['stats']>
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('KeyedRateLimit', { limiter: this.limiter })
  }

  /** @internal The function that finds the key belongs to this thread. */
  [WHY_BOUND](): string | undefined {
    return whyBound({ who: 'the limit by key', name: nameOf(this.limiter), functions: { keyed: this.#stage.keyOf } })
  }
}

function limiterOf(rest: KeyedRateLimitPolicy | { limiter: LimiterByKey }): LimiterByKey {
  if (!('limiter' in rest)) return new KeyedRateLimiter(rest)
  const { limiter, ...beside } = rest
  if (!isByKey(limiter))
    throw new TypeError(`limiter must be a KeyedRateLimiter or another limiter by key; received ${describe(limiter)}`)
  if (Object.keys(beside).length > 0)
    throw new TypeError(
      `withRateLimit takes either a limiter or its options (${Object.keys(beside).join(', ')}), not both`,
    )
  return limiter
}

/** Whether this is a limiter by key. A policy is not: its `execute` receives no key. */
function isByKey(value: unknown): value is LimiterByKey {
  if (typeof value !== 'object' || value === null || isPolicy(value)) return false
  const { acquire, stats } = value as Partial<LimiterByKey>
  return typeof acquire === 'function' && typeof stats === 'function'
}

function nameOf(limiter: LimiterByKey): string | null {
  return (limiter instanceof KeyedRateLimiter ? limiter.policy.name : limiter.name) ?? null
}
