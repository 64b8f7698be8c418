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

/** Counts of a circuit breaker, over the calls of this thread. */
export interface CircuitBreakerStats {
  /** Calls that were made and have ended. */
  readonly calls: number
  /** Calls that were no failure. */
  readonly succeeded: number
  /** Calls that were a failure, by `isFailure` or `isFailureResult`. */
  readonly failed: number
  /** Calls that count as neither: refused by another policy inside, or given up by their caller. */
  readonly ignored: number
  /** Of those that succeeded or failed: slower than `slowCallMs`. */
  readonly slow: number
  /** Calls that were refused. */
  readonly rejected: number
  /** How often this thread saw the breaker open or be isolated. */
  readonly opened: number
  /**
   * How long the calls took; recorded from the first call of `stats()` on. Without `slowCallMs`, beyond a thousand calls per second one in 61
   * is timed, and counts for the 61.
   */
  readonly durations: DurationSummary
}

/** Refuses calls while what is guarded is known to fail; made by {@link circuitBreaker}. */
export class CircuitBreaker extends EventfulPolicy<CircuitBreakerEvents> {
  readonly kind = 'circuit-breaker'
  readonly #stage: CircuitBreakerStage
  readonly #rings: TransitionRings
  /** Where the state is; null if its name finds it. */
  readonly #address: CellAddress | null

  constructor(options?: CircuitBreakerOptions)
  /** @internal `address`: the cells of the breaker whose handle `from` was given. */
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
   * @throws {TypeError} when it is no such handle, or a function is none
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory holds something else, or its clock is another thread's
   * @example
   * const handle = circuitBreaker().share() // goes to another thread in `workerData`
   * const breaker = CircuitBreaker.from(handle, { onOpen: () => console.warn('open') })
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

  /** Lets every call through, counts from nothing, and may open again. Nothing happens if it is closed. */
  close(): void {
    this.#stage.force(BREAKER_STATE.closed)
  }

  /**
   * Changes options for every thread and process that shares the breaker; an option that is not given stays. Its state stays, and no event
   * reports it. Its counts are forgotten, since they mean nothing by other rules, as are the outcomes of calls and probes under way; an open
   * breaker is open for its time from now. An update that changes nothing does nothing.
   *
   * Memory keeps its shape: a breaker continues to count failures in a row, calls or milliseconds. `window.calls` is at most what it was made with,
   * and so is the number of probes (`successThreshold`, `halfOpen.calls`), rounded up to a multiple of 8. `window.minimumCalls` is cut to
   * `window.calls`, and `maxResetTimeoutMs` raised to `resetTimeoutMs`, if they are not given. `window: { slowCallMs: Infinity }`: no call
   * is slow any more. To open the name, still give the options that it was first made with.
   *
   * Thread-safety: atomic for all threads and processes, which follow it from their next call on.
   *
   * @param change - see {@link CircuitBreakerData}; all of it or, if anything is wrong, nothing takes effect
   * @throws {TypeError} when an option is unknown, of the wrong type, or cannot change: `name`, `scope`, `clock`, functions, the kind of window
   * @throws {RangeError} when one is out of range, or there is no room for it
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'busy' when six processes have died, each in the microsecond of an update; the breaker still works
   */
  update(change: CircuitBreakerChange): void {
    this.#stage.update(change)
  }

  /** Adds a listener, which sees transitions by other threads, too. Returns a function that removes it. */
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

  /** Returns a handle by which another thread shares this breaker: pass it by `workerData` or `postMessage` to {@link CircuitBreaker.from}. */
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

  /** @internal Listeners of transitions do not count: this thread sees those that others make. */
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
 * Refuses calls while what is guarded is known to fail: after failures in a row, or at a rate of failures or of slow calls, it
 * opens; after a time it lets a few calls through as probes, and closes when they succeed. Its state is in shared memory: with
 * `name`, or by `share()` and `CircuitBreaker.from()`, it is one breaker for all threads.
 *
 * A call that is refused rejects with a `CircuitOpenError` that says when to come back. Refusals of limiters, breakers and
 * bulkheads inside and calls given up by their caller count neither as success nor as failure.
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
 * const breaker = circuitBreaker({ name: 'users-api', failureThreshold: 5, resetTimeoutMs: 30_000 })
 * const user = await breaker.execute(({ signal }) => loadUser(id, signal))
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new CircuitBreaker(options)
}
