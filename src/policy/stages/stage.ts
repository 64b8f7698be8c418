import type { PolicyFunction } from '../../internal/policy.js'
import type { Hold } from './hold.js'
import type { Scope } from './scope.js'

/** The stages that run in one async frame. */
export interface Frame {
  /** Outermost first. */
  readonly stages: readonly LinearStage[]
  /** The stage within them that runs around those further in; undefined in the innermost frame. */
  readonly around: AroundStage | undefined
  readonly inner: Runner
}

/** The state of one call in one frame: what its stages read and change. */
export class Call {
  readonly frame: Frame
  readonly scope: Scope
  readonly fn: PolicyFunction<unknown>
  /** The innermost bulkhead slot this call holds. A bulkhead puts its own in `enter` and takes it off in `leave`. */
  hold: Hold | undefined
  /** How many stages, from the outermost, the call has entered and not left. */
  depth = 0
  /** Whether the last attempt failed; with `value`, what a stage's `leave` reads and may change. */
  failed = false
  /** The result of the last attempt, or its error. */
  value: unknown = undefined
  /** The present attempt of `frame.around`. */
  attempt: AroundCall | undefined = undefined
  /**
   * One slot a stage, for its state of this call. Behind them, while the ends of calls have listeners, another one for each
   * and for `frame.around`: when the call came to it, if its events have listeners.
   */
  readonly slots: unknown[]

  constructor(frame: Frame, scope: Scope, fn: PolicyFunction<unknown>, hold: Hold | undefined) {
    this.frame = frame
    this.scope = scope
    this.fn = fn
    this.hold = hold
    this.slots = new Array<unknown>(frame.stages.length)
  }

  succeed(value: unknown): void {
    this.failed = false
    this.value = value
  }

  fail(error: unknown): void {
    this.failed = true
    this.value = error
  }
}

/** Returned by a stage's `leave` to have everything inside it run once more. */
export const AGAIN = Symbol('again')
export type Verdict = typeof AGAIN | undefined

interface StageKind {
  /** As in `policy.kind`, e.g. 'retry'. */
  readonly kind: string
  /** Whether the guarded call begins as soon as the stage is called, so that none ever waits in it. */
  readonly beginsAtOnce?: boolean
  /** The time after which it gives up, in milliseconds. */
  readonly limitMs?: number
  /** Whether it reads `scope.args`: only then are they kept. */
  readonly readsArguments?: boolean
  /** Whether it reads `scope.priority`: only then may a caller give one. */
  readonly readsPriority?: boolean
  /** Where its events come from: they know its name. */
  readonly events?: StageEvents
}

/** The part of a stage's events that a frame needs; see `EventSource`. */
export interface StageEvents {
  readonly name: string | null
  readonly hearsCalls: boolean
  now(): number
  callEnded(startedMs: number, failed: boolean, value: unknown): void
}

/**
 * A policy that acts before and after the call that it guards. Consecutive ones run in a single async frame.
 */
export interface LinearStage extends StageKind {
  /**
   * Admits the call: returns undefined to continue at once, a promise to have it wait, or throws to refuse it. It must
   * reject at once when `call.scope` is aborted. After a refusal, `leave` of this stage is not called.
   *
   * @param slot - index of this stage's own entry in `call.slots`
   */
  enter(call: Call, slot: number): Promise<unknown> | undefined
  /**
   * Sees how it went (`call.failed`, `call.value`), and may change that, or ask for another attempt. An error that it throws
   * becomes the outcome.
   */
  leave(call: Call, slot: number): Promise<Verdict> | Verdict
}

/** Calls what a stage guards; may return a plain value, may throw. */
export type Runner = (scope: Scope, fn: PolicyFunction<unknown>, hold: Hold | undefined) => unknown

/** One call of an {@link AroundStage}. */
export interface AroundCall {
  /** Calls what the stage guards; returns a value or a promise, may throw. */
  start(inner: Runner, fn: PolicyFunction<unknown>): unknown
  /**
   * Called once when the call has ended, in a continuation of the call itself, so that listeners run in its async context.
   * Must not throw.
   *
   * @param failed - whether `start` threw, or its promise rejected
   * @returns the error that the call ends with instead; undefined to leave it as it is
   */
  end(failed: boolean): Error | undefined
}

/**
 * A policy that may stop waiting for the call that it guards, or make it several times at once. It must call {@link Hold.keep} for
 * each run it starts and {@link Hold.drop} when that run has settled.
 */
export interface AroundStage extends StageKind {
  /** Begins a call; must not throw. */
  begin(scope: Scope, hold: Hold | undefined): AroundCall
}

export type Stage = LinearStage | AroundStage
