import { CircuitOpenError, TimeoutExceededError } from '../../errors.js'
import { EventSource } from '../../internal/events/events.js'
import { notify } from '../../internal/events/listeners.js'
import { SampledDurations } from '../../internal/events/sampled-durations.js'
import { answerOf } from '../../internal/options/predicate.js'
import { subjectOf } from '../../internal/text/error-text.js'
import {
  type Admission,
  type Breaker,
  BREAKER_STATE,
  BREAKER_STATES,
  type BreakerStateNumber,
  CALL_RESULT,
  type CallResult,
} from '../../memory/breaker/breaker.js'
import { BREAKER_PARAMETER } from '../../memory/shared/layout.js'
import { isPolicyError } from '../stages/is-policy-error.js'
import type { Scope } from '../stages/scope.js'
import type { Call, LinearStage } from '../stages/stage.js'
import { type CircuitBreakerChange, updateBreaker } from './change.js'
import type { CircuitBreakerEvents } from './events.js'
import type { CircuitBreakerSettings } from './options.js'

/** State of a call that is a probe, or whose time counts. */
class Admitted {
  readonly generation: number
  readonly probe: unknown
  /** NaN if it is not needed. */
  readonly startedMs: number
  /** How many calls its duration counts for. */
  readonly weight: number

  constructor(generation: number, probe: unknown, startedMs = NaN, weight = 0) {
    this.generation = generation
    this.probe = probe
    this.startedMs = startedMs
    this.weight = weight
  }
}

/** Refuses calls while the guarded calls are known to fail. */
export class CircuitBreakerStage implements LinearStage {
  readonly kind = 'circuit-breaker'
  readonly beginsAtOnce = true
  readonly breaker: Breaker
  readonly settings: CircuitBreakerSettings
  readonly events: EventSource<CircuitBreakerEvents>
  readonly counts = { succeeded: 0, failed: 0, ignored: 0, rejected: 0, slow: 0, opened: 0 }
  /** Called after this thread made a transition. */
  onTransition: (() => void) | undefined = undefined
  /** The generation in which the breaker's `admit` and `succeed` decide without `enter` and `settle`. */
  #generation = -1
  /** The last generation that this thread has seen. */
  #seen: number
  /** The last transition that was reported to the listeners of this thread. */
  #reported: number
  /** The `slowCallMs` of the last generation seen; an update may change it. */
  #slowCallMs: number
  #isTimed: boolean
  #durations: SampledDurations | undefined = undefined

  constructor(breaker: Breaker, settings: CircuitBreakerSettings) {
    this.breaker = breaker
    this.settings = settings
    this.events = new EventSource(
      'circuit-breaker',
      settings.name,
      ['open', 'halfOpen', 'close', 'rejected'],
      settings.clock,
    )
    const { generation, transitions } = breaker.control()
    this.#seen = generation
    this.#reported = transitions
    this.#slowCallMs = slowCallMsOf(breaker)
    this.#isTimed = this.#slowCallMs !== Infinity
  }

  /** How long calls took. The first access starts the recording, which costs two readings of the clock for each call that is timed. */
  get durations(): SampledDurations {
    this.#isTimed = true
    return (this.#durations ??= new SampledDurations())
  }

  enter(call: Call, slot: number): undefined {
    if (this.breaker.admit() !== undefined) call.slots[slot] = this.#ask()
    else call.slots[slot] = this.#isTimed ? this.#timed(this.#generation, null) : this.#generation
    return undefined
  }

  leave(call: Call, slot: number): undefined {
    const admitted = call.slots[slot] as number | Admitted
    if (!call.failed && this.settings.isFailureResult === undefined && this.#isPlain(admitted)) {
      this.counts.succeeded++
      if (typeof admitted !== 'number') this.#record(admitted, this.settings.clock.now())
      // The state has ended, perhaps by this call: it may have been the last that the window needed to open.
      if (this.breaker.succeed() !== undefined) this.#moved(undefined)
    } else {
      this.#judge(call, typeof admitted === 'number' ? new Admitted(admitted, null) : admitted)
    }
    return undefined
  }

  /** Whether `succeed` is enough for a call: it is no probe, it began in the present generation, and it cannot have been slow. */
  #isPlain(admitted: number | Admitted): boolean {
    if (typeof admitted === 'number') return admitted === this.#generation
    return admitted.probe === null && admitted.generation === this.#generation && this.#slowCallMs === Infinity
  }

  /** Reports the last transition to this thread's listeners, if it is new. After an update it only reads the parameters again. */
  tell(error?: unknown): void {
    const { state, generation: now, transitions: generation } = this.breaker.control()
    if (now === this.#seen) return
    this.#seen = now
    this.#slowCallMs = slowCallMsOf(this.breaker)
    this.#isTimed = this.#slowCallMs !== Infinity || this.#durations !== undefined
    if (generation === this.#reported) return
    this.#reported = generation
    const { onOpen, onClose, onHalfOpen } = this.settings
    const name = BREAKER_STATES[state]
    switch (name) {
      case 'half-open':
        this.#announce('halfOpen', 'onHalfOpen', onHalfOpen, { generation })
        break
      case 'open':
      case 'isolated':
        this.counts.opened++
        this.#announce('open', 'onOpen', onOpen, { state: name, error, generation })
        break
      default:
        this.#announce('close', 'onClose', onClose, { state: name, generation })
    }
  }

  /** As {@link updateBreaker}. */
  update(change: CircuitBreakerChange): void {
    updateBreaker(this.breaker, this.settings, change)
    // A breaker that was open, and whose time was up, has become half-open.
    this.#moved(undefined)
  }

  /** Puts the breaker into this state by hand. */
  force(to: BreakerStateNumber): void {
    if (this.breaker.force(to)) this.#moved(undefined)
  }

  /** Called after a transition that this thread has made, or may have made. */
  #moved(error: unknown): void {
    this.tell(error)
    this.onTransition?.()
  }

  /** Asks the breaker to admit a call, the slow way. Returns the state of the call, or throws. */
  #ask(): number | Admitted {
    const admission = this.breaker.enter()
    const { state, generation, probe } = admission
    if (generation !== this.#seen) {
      // The first call after the reset time makes the breaker half-open.
      if (state === BREAKER_STATE.halfOpen) this.#moved(undefined)
      else this.tell()
    }
    if (!admission.admitted) throw this.#refuse(admission)
    if (probe === null) {
      this.#generation = generation
      if (!this.#isTimed) return generation
    }
    return this.#isTimed ? this.#timed(generation, probe) : new Admitted(generation, probe)
  }

  /** State of a call while calls are timed; only the generation if this call is not one of those timed. */
  #timed(generation: number, probe: unknown): number | Admitted {
    // Without `slowCallMs`, calls are timed for the durations alone.
    const weight = this.#slowCallMs === Infinity ? (this.#durations as SampledDurations).next() : 1
    if (weight > 0) return new Admitted(generation, probe, this.settings.clock.now(), weight)
    return probe === null ? generation : new Admitted(generation, probe)
  }

  #record({ startedMs, weight }: Admitted, nowMs: number): void {
    if (weight > 0) this.#durations?.record(nowMs - startedMs, weight, nowMs)
  }

  #refuse({ state, retryAfterMs }: Admission): CircuitOpenError {
    this.counts.rejected++
    const error = refusal(state, retryAfterMs, this.settings.name)
    if (this.events.isHeard) this.events.emit('rejected', { error })
    return error
  }

  #judge(call: Call, admitted: Admitted): void {
    const { startedMs, generation, probe } = admitted
    const nowMs = Number.isNaN(startedMs) ? NaN : this.settings.clock.now()
    const isSlow = nowMs - startedMs > this.#slowCallMs
    let result: CallResult = CALL_RESULT.ignored
    try {
      result = this.#resultOf(call)
    } finally {
      // A predicate that throws must not keep a probe's place.
      if (result === CALL_RESULT.ignored) this.counts.ignored++
      else {
        if (result === CALL_RESULT.failed) this.counts.failed++
        else this.counts.succeeded++
        if (isSlow) this.counts.slow++
        this.#record(admitted, nowMs)
      }
      const probed = isSlow && result === CALL_RESULT.succeeded && probe !== null ? CALL_RESULT.failed : result
      if (this.breaker.settle({ generation, probe }, probed, isSlow)) this.#moved(call.value)
    }
  }

  #resultOf(call: Call): CallResult {
    const { isFailure, isFailureResult } = this.settings
    if (!call.failed)
      return isFailureResult !== undefined && answerOf('isFailureResult', isFailureResult(call.value))
        ? CALL_RESULT.failed
        : CALL_RESULT.succeeded
    if (isPolicyError(call.value) || wasCancelled(call.scope)) return CALL_RESULT.ignored
    if (isFailure === undefined) return isAbortError(call.value) ? CALL_RESULT.ignored : CALL_RESULT.failed
    return answerOf('isFailure', isFailure(call.value)) ? CALL_RESULT.failed : CALL_RESULT.succeeded
  }

  #announce<K extends 'open' | 'halfOpen' | 'close'>(
    event: K,
    option: string,
    listener: ((payload: CircuitBreakerEvents[K]) => void) | undefined,
    payload: CircuitBreakerEvents[K],
  ): void {
    notify(option, listener, payload)
    if (this.events.isHeard) this.events.emit(event, payload)
  }
}

function slowCallMsOf(breaker: Breaker): number {
  return breaker.parameters().parameters[BREAKER_PARAMETER.slowCallMs] as number
}

/** Whether the call was aborted by its caller, or because another attempt won. A time limit outside is a failure like any other. */
function wasCancelled(scope: Scope): boolean {
  return scope.aborted && !TimeoutExceededError.is(scope.reason)
}

function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'AbortError'
}

function refusal(state: BreakerStateNumber, retryAfterMs: number, name: string | null): CircuitOpenError {
  const who = subjectOf('the circuit breaker', name)
  switch (state) {
    case BREAKER_STATE.halfOpen:
      return new CircuitOpenError(`${who} is half-open and all its probes are under way`, {
        retryAfterMs,
        state: 'half-open',
      })
    case BREAKER_STATE.isolated:
      return new CircuitOpenError(`${who} is isolated until close() is called`, { retryAfterMs, state: 'isolated' })
    default:
      return new CircuitOpenError(`${who} is open for another ${Math.ceil(retryAfterMs)} ms`, {
        retryAfterMs,
        state: 'open',
      })
  }
}
