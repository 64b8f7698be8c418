import {
  booleanOption,
  clockOption,
  namesOf,
  numberOption,
  type Option,
  option,
  type OptionTable,
  rawOption,
  readValues,
} from '../../internal/options/options.js'
import { checkKeys, describe } from '../../internal/options/validate.js'
import { isPolicy } from '../../internal/policy.js'
import type { Clock } from '../../internal/time/clock.js'
import type { NameScope } from '../../memory/shared/names.js'
import { type Bulkhead, type BulkheadPermit, bulkhead } from '../../policy/bulkhead/bulkhead.js'
import { BULKHEAD_OPTIONS, type BulkheadOptions, completeBulkheadOptions } from '../../policy/bulkhead/options.js'
import { type CircuitBreaker, circuitBreaker } from '../../policy/circuit-breaker/circuit-breaker.js'
import {
  CIRCUIT_BREAKER_OPTIONS,
  type CircuitBreakerOptions,
  readCircuitBreakerOptions,
} from '../../policy/circuit-breaker/options.js'
import { type PerKey, perKey } from '../../policy/per-key.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { RATE_LIMIT_OPTIONS, type RateLimitOptions } from '../../rate-limit/rate-limit-policy.js'
import { checkEncodedName, encodedName, partName } from '../encoded-name.js'
import type { AnswerHeaders } from './answer-limits.js'
import { OriginPauses } from './origin-pauses.js'
import { type PerOrigin, originReader } from './origin.js'

/** Limits and policies that a client applies per origin. */
export interface OriginPolicyOptions {
  /** Which requests belong together: 'origin' (default), or a function of their own. */
  per?: PerOrigin | undefined
  /** A rate for each origin; a request waits for it. `maxQueue` also bounds how many wait for the end of a pause. `name`, `scope` and `clock` are those below. */
  limit?: Omit<RateLimitOptions, 'name' | 'scope' | 'clock'> | undefined
  /** Places for each origin; one is free again when the body has ended or was cancelled. */
  bulkhead?: Omit<BulkheadOptions, 'name' | 'scope' | 'clock'> | undefined
  /** A breaker for each origin. Network errors, timeouts and status 500 and above are failures; 429 is none. */
  breaker?: Omit<CircuitBreakerOptions, 'name' | 'scope' | 'clock'> | undefined
  /**
   * Whether rate limits in the fields of answers are obeyed; default true. Retry-After of a 429, 503 or 529 always is. If the last 16 answers
   * of an origin had no limits, one answer in 16 is read, and each one with status 400 or above.
   */
  adapt?: boolean | undefined
  /** How many origins are known at a time; an integer from 1 to 1e7, default 1,000. Beyond it the least recently used is forgotten, never a paused one. */
  maxOrigins?: number | undefined
  /** Same name, same limits and pauses: in every thread, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  /**
   * The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. There each origin of `bulkhead`
   * and `breaker` is a name of the machine, whose file stays until it is removed or the machine restarts, whatever `maxOrigins` is: for origins
   * that are few.
   */
  scope?: NameScope | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** A name in the options of a breaker would make it one for all origins. */
const SAID_BESIDE = ['name', 'scope', 'clock']

/** The options `T` of each origin's own limit, places or breaker, whose table of options has more. */
function optionOfEach<T>(table: Parameters<typeof namesOf>[0]): Option<T> {
  const names = namesOf(table).filter((name) => !SAID_BESIDE.includes(name))
  return option('here', (what, given) => {
    if (given === undefined) return given as T
    if (isPolicy(given))
      throw new TypeError(`${what} must be options, as each origin has its own; received ${describe(given)}`)
    const beside = SAID_BESIDE.find((key) => Object.hasOwn(Object(given) as object, key))
    if (beside !== undefined)
      throw new TypeError(`unknown ${what} option '${beside}': it stands beside '${what}', for all origins`)
    checkKeys(what, given, names)
    return given as T
  })
}

const OPTIONS = {
  per: option('here', (_, per) => originReader(per as PerOrigin | undefined)),
  limit: optionOfEach<OriginPolicyOptions['limit']>(RATE_LIMIT_OPTIONS),
  bulkhead: optionOfEach<OriginPolicyOptions['bulkhead']>(BULKHEAD_OPTIONS),
  breaker: optionOfEach<OriginPolicyOptions['breaker']>(CIRCUIT_BREAKER_OPTIONS),
  adapt: booleanOption(true),
  maxOrigins: numberOption({ min: 1, max: 1e7, integer: true }, 1000),
  // Checked together.
  name: rawOption<string>(),
  scope: rawOption<NameScope>(),
  clock: clockOption,
} satisfies OptionTable<OriginPolicyOptions>

/** Every option of {@link OriginPolicyOptions}. */
export const ORIGIN_POLICY_KEYS = namesOf(OPTIONS)

/** Status and header fields of an answer. */
interface Answer {
  readonly status: number
}

/** The place of a request: freed once its answer has ended, or with the error by which it has failed. Undefined where there are none. */
export type Place = BulkheadPermit | undefined

/** Options for a call that takes a signal only if there is one. */
export function optionsOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

/** A breaker, a pause, a rate and places for each origin: what a request passes before it is sent, in this order. */
export class OriginPolicies {
  readonly clock: Clock
  /** @throws what `per` throws, and for a URL that is none */
  readonly originOf: (request: { readonly url: string; readonly method: string }) => string
  readonly #pauses: OriginPauses
  readonly #limiter: KeyedRateLimiter | undefined
  readonly #bulkheads: PerKey<string, Bulkhead> | undefined
  readonly #breakers: PerKey<string, CircuitBreaker> | undefined
  /** A longer pause is refused. */
  readonly longestMs: number
  readonly #mostPaused: number
  #paused = 0

  constructor(options: OriginPolicyOptions) {
    const read = readValues(options, OPTIONS)
    const { limit, bulkhead: places, breaker, maxOrigins: capacity, clock } = read
    this.clock = clock
    this.originOf = read.per
    const { name, scope } = checkEncodedName(read.name, read.scope)
    this.#pauses = new OriginPauses({ capacity, name, scope, clock, adapts: read.adapt })
    const named = (what: string): object => ({ clock, scope, name: partName(name, what) })
    // The policies of an origin are made at its first request; wrong options are reported now.
    if (places !== undefined) completeBulkheadOptions({ ...places, clock })
    if (breaker !== undefined) readCircuitBreakerOptions({ ...breaker, clock })
    this.longestMs = limit?.waitOnLimit === false ? 0 : (limit?.maxWaitMs ?? Infinity)
    this.#mostPaused = limit?.maxQueue ?? Infinity
    if (limit !== undefined) this.#limiter = new KeyedRateLimiter({ ...limit, capacity, ...named('limit') })
    // A paused origin is kept: its answers are still to come.
    const keepIf = (_: unknown, origin: string): boolean => this.#pauses.remainingMs(origin) > 0
    const kept = { maxKeys: capacity, clock, keepIf }
    const partOf = (kind: string, origin: string): object => named(`${kind} ${encodedName(origin)}`)
    if (places !== undefined)
      this.#bulkheads = perKey((origin: string) => bulkhead({ ...places, ...partOf('bulkhead', origin) }), kept)
    const isFailureResult = (answer: unknown): boolean => (answer as Answer).status >= 500
    if (breaker !== undefined)
      this.#breakers = perKey(
        (origin: string) => circuitBreaker({ isFailureResult, ...breaker, ...partOf('breaker', origin) }),
        kept,
      )
  }

  /** Whether a request may be sent without a breaker, a place or a wait; takes its token then. */
  passes(origin: string): boolean {
    return this.#breakers === undefined && this.#bulkheads === undefined && this.#mayGo(origin)
  }

  /** Sends as soon as all policies permit. A failure of `send` counts in the breaker, and frees the place. */
  attempt<A extends Answer>(
    origin: string,
    signal: AbortSignal | undefined,
    send: (place: Place) => Promise<A>,
  ): Promise<A> {
    if (this.passes(origin)) return send(undefined)
    const once = (): Promise<A> => this.#once(origin, signal, send)
    const breaker = this.#breakers?.get(origin)
    return breaker === undefined ? once() : breaker.execute(once, optionsOf(signal))
  }

  /** Keeps to what an answer asks for. */
  observe(origin: string, status: number, headers: AnswerHeaders): void {
    const ms = this.#pauses.observe(origin, status, headers)
    if (ms > 0) this.#limiter?.pauseFor(origin, ms)
  }

  async #once<A>(origin: string, signal: AbortSignal | undefined, send: (place: Place) => Promise<A>): Promise<A> {
    if (!this.#mayGo(origin)) await this.#turn(origin, signal)
    if (this.#bulkheads === undefined) return send(undefined)
    const permit = await this.#bulkheads.get(origin).acquire(optionsOf(signal))
    try {
      return await send(permit)
    } catch (error) {
      permit.fail(error)
      throw error
    }
  }

  #mayGo(origin: string): boolean {
    return this.#pauses.remainingMs(origin) === 0 && this.#limiter?.takeNow(origin) !== false
  }

  /** Waits for the end of a pause, and for a token. */
  async #turn(origin: string, signal: AbortSignal | undefined): Promise<void> {
    do {
      if (this.#pauses.remainingMs(origin) > 0) {
        const longestMs = ++this.#paused > this.#mostPaused ? 0 : this.longestMs
        await this.#pauses.wait(origin, signal, longestMs).finally(() => this.#paused--)
      }
      await this.#limiter?.acquire(origin, 1, optionsOf(signal))
      // A pause may have begun while this request waited for its token; then it also waits for the end of the pause.
    } while (this.#pauses.remainingMs(origin) > 0)
  }
}
