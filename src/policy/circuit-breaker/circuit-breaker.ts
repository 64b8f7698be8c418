import type { DurationSummary } from '../../internal/events/histogram.js'
import { checkKeys } from '../../internal/options/validate.js'
import { INSPECT, shownAs, shownName } from '../../internal/text/shown.js'
import { systemClock } from '../../internal/time/clock.js'
import { BREAKER_STATE, BREAKER_STATES } from '../../memory/breaker/breaker.js'
import { breakers } from '../../memory/breaker/index.js'
import { addressIn, checkHandleShape } from '../../memory/shared/handles.js'
import type { CellAddress } from '../../memory/shared/region.js'
import { ownClocks } from '../../rate-limit/own-clocks.js'
import { WHY_BOUND, whyBound } from '../bound.js'
import { PACK, type PolicyHandle } from '../portable.js'
import { EventfulPolicy } from '../stages/staged-policy.js'
import type { CircuitBreakerChange } from './change.js'
import type { CircuitBreakerEvents, CircuitBreakerState } from './events.js'
import {
  CIRCUIT_BREAKER_FUNCTIONS,
  type CircuitBreakerFunctions,
  type CircuitBreakerHandle,
  type CircuitBreakerOptions,
  readCircuitBreakerOptions,
} from './options.js'
import { TransitionRings } from './rings.js'
import { CircuitBreakerStage } from './stage.js'

const HANDLE_KIND = 'amorsize.CircuitBreaker'

/** Counts of a circuit breaker, for the calls of this thread. */
export interface CircuitBreakerStats {
  /** Calls that were made and have ended. */
  readonly calls: number
  /** Calls that did not fail. */
  readonly succeeded: number
  /** Calls that failed, by `isFailure` or `isFailureResult`. */
  readonly failed: number
  /** Calls that count as neither: refused by another policy inside, or given up by their caller. */
  readonly ignored: number
  /** Calls that succeeded or failed, and took longer than `slowCallMs`. */
  readonly slow: number
  /** Calls that were refused. */
  readonly rejected: number
  /** How often this thread saw the breaker open or be isolated. */
  readonly opened: number
  /**
   * How long the calls took; recorded from the first call of `stats()` on. Without `slowCallMs`, and above a thousand calls per second,
   * one call in 61 is timed, and counts 61 times.
   */
  readonly durations: DurationSummary
}

/** Refuses calls while the guarded calls are known to fail; made by {@link circuitBreaker}. */
export class CircuitBreaker extends EventfulPolicy<CircuitBreakerEvents> {
  readonly kind = 'circuit-breaker'
  readonly #stage: CircuitBreakerStage
  readonly #rings: TransitionRings
  /** Where the state is; null if it is found by its name. */
  readonly #address: CellAddress | null

  constructor(options?: CircuitBreakerOptions)
  /** @internal `address`: the cells of the breaker whose handle was given to `from`. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(options: CircuitBreakerOptions, address: CellAddress | null)
  constructor(options: CircuitBreakerOptions = {}, address: CellAddress | null = null) {
    const settings = readCircuitBreakerOptions(options)
    const { name, scope, parameters, clock, onOpen, onClose, onHalfOpen } = settings
    const placed = breakers.at({ name, scope, address }, parameters, clock)
    const stage = new CircuitBreakerStage(placed.subject, settings)
    super(stage)
    this.#stage = stage
    this.#address = placed.address
    this.#rings = new TransitionRings(stage)
    if (address !== null || (name !== null && clock === systemClock)) this.#rings.share()
    if (onOpen !== undefined || onClose !== undefined || onHalfOpen !== undefined) this.#rings.listen()
  }

  /**
   * A breaker that shares the state of the one whose `share()` made the handle.
   *
   * @param handle - from this thread or another
   * @param functions - `isFailure`, `isFailureResult`, `onOpen`, `onClose`, `onHalfOpen` for this thread: functions do not travel
   * @throws {TypeError} when it is not such a handle, or a function is not one
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory holds something else, or its clock belongs to another thread
   * @example
   * // goes to another thread in `workerData`
   * const handle = circuitBreaker().share()
   * const breaker = CircuitBreaker.from(handle, {
   *   onOpen: () => console.warn('open'),
   * })
   */
  static from(handle: CircuitBreakerHandle, functions: CircuitBreakerFunctions = {}): CircuitBreaker {
    const { options, clock } = checkHandleShape(handle, HANDLE_KIND, 'options')
    checkKeys('CircuitBreaker.from', functions, Object.keys(CIRCUIT_BREAKER_FUNCTIONS))
    return new CircuitBreaker({ ...options, ...functions, clock: ownClocks.of(clock) }, addressIn(handle))
  }

  /** The state that the next call would find: 'half-open' also when the time of an open breaker is up. May be out of date already. */
  get state(): CircuitBreakerState {
    return BREAKER_STATES[this.#stage.breaker.state()]
  }

  /** Refuses every call, in every thread that shares the breaker, until {@link CircuitBreaker.close}. */
  isolate(): void {
    this.#stage.force(BREAKER_STATE.isolated)
  }

  /** Lets every call through, and starts counting from zero; failures may open it again. Does nothing if it is closed. */
  close(): void {
    this.#stage.force(BREAKER_STATE.closed)
  }

  /**
   * Changes options for every thread and process that shares the breaker; an option that is not given keeps its value. The state stays, and
   * no event reports the update. The breaker forgets its counts, which mean nothing under other rules, and ignores the outcomes of calls
   * and probes under way. If it is open, its time starts again. An update that changes nothing does nothing.
   *
   * A breaker keeps counting what it was made to count: failures in a row, calls or milliseconds. `window.calls` cannot exceed its first
   * value, nor can the number of probes (`successThreshold`, `halfOpen.calls`), whose first value is rounded up to a multiple of 8. If they
   * are not given, `window.minimumCalls` is cut to `window.calls`, and `maxResetTimeoutMs` raised to `resetTimeoutMs`. With
   * `window: { slowCallMs: Infinity }`, no call is slow any more. To open the name, still give the options that it was first made with.
   *
   * Thread-safety: atomic for all threads and processes, which follow it from their next call on.
   *
   * @param change - see {@link CircuitBreakerData}; if anything in it is wrong, nothing takes effect
   * @throws {TypeError} when an option is unknown, of the wrong type or fixed: `name`, `scope`, `clock`, a function, the kind of window
   * @throws {RangeError} when one is out of range, or there is no room for it
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'busy' when six processes have died, each during an update; the breaker still works
   */
  update(change: CircuitBreakerChange): void {
    this.#stage.update(change)
  }

  /** Adds a listener, which also sees transitions that other threads make. Returns a function that removes it. */
  override on<K extends keyof CircuitBreakerEvents>(
    event: K,
    listener: (payload: CircuitBreakerEvents[K]) => void,
  ): () => void {
    const remove = super.on(event, listener)
    const unlisten = this.#rings.listen()
    return () => {
      remove()
      unlisten()
    }
  }

  /** Counts of this thread since the policy was made. The first call of `stats` starts the recording of durations. */
  stats(): CircuitBreakerStats {
    const { counts, durations } = this.#stage
    const { succeeded, failed, ignored } = counts
    return { calls: succeeded + failed + ignored, ...counts, durations: durations.summary() }
  }

  /** Returns a handle with which another thread can share this breaker; pass it to {@link CircuitBreaker.from} there. */
  share(): CircuitBreakerHandle {
    this.#rings.share()
    const { data, clock } = this.#stage.settings
    return { kind: HANDLE_KIND, options: data, ...this.#address, ...ownClocks.inHandle(clock) }
  }

  /** @internal */
  [INSPECT](): object {
    const { settings, counts } = this.#stage
    return shownAs('CircuitBreaker', { ...shownName(settings.name, settings.scope), state: this.state, ...counts })
  }

  /** @internal Listeners of transitions do not count: this thread also sees transitions that others make. */
  [WHY_BOUND](): string | undefined {
    const { settings, events } = this.#stage
    const { name, clock, bound } = settings
    return whyBound({
      who: 'the circuit breaker',
      name,
      isNameShared: true,
      functions: bound,
      clock,
      isListenedTo: events.hasListener('rejected') || events.hearsCalls,
    })
  }

  /** @internal */
  [PACK](): PolicyHandle {
    return { kind: 'circuitBreaker', handle: this.share() }
  }
}

/**
 * Refuses calls while the guarded calls are known to fail. It opens after failures in a row, or at a rate of failures or of slow
 * calls. After a time it lets a few calls through as probes, and closes when they succeed. Its state is in shared memory: with
 * `name`, or by `share()` and `CircuitBreaker.from()`, it is one breaker for all threads.
 *
 * A call that is refused rejects with a `CircuitOpenError` that says when to come back. Refusals by limiters, breakers and
 * bulkheads inside, and calls given up by their caller, count neither as success nor as failure.
 *
 * Thread-safety: all threads may use the same breaker at once; exactly one of them makes each transition.
 * Cost: two native calls for a call that succeeds; nothing is written while nothing fails, so that threads do not get into
 * each other's way (a `window` counts every call).
 *
 * @param options - see {@link CircuitBreakerOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when `name` is in use with other parameters
 * @example
 * const breaker = circuitBreaker({
 *   name: 'users-api',
 *   failureThreshold: 5,
 *   resetTimeoutMs: 30_000,
 * })
 * const user = await breaker.execute(({ signal }) => loadUser(id, signal))
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new CircuitBreaker(options)
}
