import type { BreakerStateNumber, CallResult, UpdateResult } from './core.js'

/** The answer to a call that asked to be made. */
export interface Admission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  /** Counts transitions and updates. */
  readonly generation: number
  /** Of a call that was not admitted: milliseconds; Infinity: no time will do. */
  readonly retryAfterMs: number
  /** Of a probe: what stands for its place. That is the breaker's own affair; null for a call of a state that admits every call. */
  readonly probe: unknown
}

/** One circuit breaker as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Breaker {
  /** Bound, and cheap: undefined for a call that the state of the last {@link Breaker.enter} admits as it does every call; else false: enter. */
  readonly admit: () => undefined | false
  /** Bound, and cheap: a call of that state succeeded and was not slow. False when the state is over, or was ended by this. */
  readonly succeed: () => undefined | false
  /** Asks to make a call. */
  enter(): Admission
  /** Tells how a call ended; returns whether that made a transition. One of an earlier generation tells nothing. */
  settle(admission: Pick<Admission, 'generation' | 'probe'>, result: CallResult, isSlow: boolean): boolean
  /** From whatever state into this one, with all failures forgotten; returns whether this made the transition. */
  force(to: BreakerStateNumber): boolean
  /** As a call would find it: half-open once a probe would be admitted. */
  state(): BreakerStateNumber
  /** Whether what is counted is enough to open it. */
  wouldOpen(): boolean
  /** State and generation as they stand, and how many generations began with a transition: all but those that an update began. */
  control(): { state: BreakerStateNumber; generation: number; transitions: number }
  /** The parameters in force, and their generation. */
  parameters(): { parameters: Float64Array; generation: number }
  /**
   * Changes the parameters for everybody, and begins a new generation of the same state; only if it still is in `generation`. They must fit
   * those it was made with.
   */
  update(generation: number, parameters: Float64Array): UpdateResult
  /** Lets go of its memory, where the addon has it. Nothing may be called afterwards. */
  letGo?(): void
}
