import type { PolicyFunction } from '../../internal/policy.js'
import type { Hold } from './hold.js'
import type { Scope } from './scope.js'

/** The stages that run in one async frame. */
export interface Frame {
  /** Outermost first. */
  readonly stages: readonly LinearStage[]
  /** The stage inside them, which runs around all further stages; undefined in the innermost frame. */
  readonly around: AroundStage | undefined
  readonly inner: Runner
}

/** The state of one call in one frame: what its stages read and change. */
export class Call {
  readonly frame: Frame
  readonly scope: Scope
  readonly fn: PolicyFunction<unknown>
  /** The innermost bulkhead slot this call holds. A bulkhead sets its own in `enter` and removes it in `leave`. */
  hold: Hold | undefined
  /** How many stages, from the outermost, the call has entered and not left. */
  depth = 0
  /** Whether the last attempt failed. A stage's `leave` reads this and `value`, and may change both. */
  failed = false
  /** The result of the last attempt, or its error. */
  value: unknown = undefined
  /** The present attempt of `frame.around`. */
  attempt: AroundCall | undefined = undefined
  /**
   * One slot per stage, for its state in this call. While any calls have listeners, more slots follow, for each stage and for
   * `frame.around`: the time when the call reached that stage, if its events have listeners.
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

/** A stage's `leave` returns this to run everything inside the stage once more. */
export const AGAIN = Symbol('again')
export type Verdict = typeof AGAIN | undefined

interface StageKind {
  /** As in `policy.kind`, e.g. 'retry'. */
  readonly kind: string
  /** Whether the guarded call begins as soon as the stage is called: no call ever waits in this stage. */
  readonly beginsAtOnce?: boolean
  /** The time after which the stage gives up, in milliseconds. */
  readonly limitMs?: number
  /** Whether the stage reads `scope.args`, which are kept only then. */
  readonly readsArguments?: boolean
  /** Whether the stage reads `scope.priority`: only then may a caller give one. */
  readonly readsPriority?: boolean
  /** The source of the stage's events, which knows the name of the policy. */
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
   * Sees the outcome (`call.failed`, `call.value`), and may change it or ask for another attempt. An error that it throws
   * becomes the outcome.
   */
  leave(call: Call, slot: number): Promise<Verdict> | Verdict
}

/** Calls the function or the stages that a stage guards; may return a plain value, may throw. */
export type Runner = (scope: Scope, fn: PolicyFunction<unknown>, hold: Hold | undefined) => unknown

/** One call of an {@link AroundStage}. */
export interface AroundCall {
  /** Calls `fn` by `inner`, which runs the stages inside this one; returns a value or a promise, may throw. */
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
