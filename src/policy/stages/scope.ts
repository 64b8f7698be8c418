import { type InContext, keepContext } from '../../internal/async-context.js'
import type { AttemptContext } from '../../internal/policy.js'
import { type SignalListener, unwatchSignal, watchSignal } from '../../internal/signal-watch.js'

/** Listens for the abort of a {@link Scope}. An object, so that waiting needs no closure. */
export interface AbortListener {
  /** Called at most once; must not throw. */
  scopeAborted(scope: Scope): void
}

/**
 * The scope of a run: the whole call, a run under a timeout, or one attempt of a hedge. Scopes form a tree: the abort of a scope
 * aborts those below it. A scope is also the function's context, and makes an AbortSignal only on demand.
 */
export class Scope implements AttemptContext, AbortListener, SignalListener {
  readonly #parent: Scope | undefined
  /** The caller's own signal, at the root. */
  readonly #external: AbortSignal | undefined
  /** State that is needed only for a scope that is aborted, closed or listened to. */
  #state: State | undefined = undefined

  /** How many attempts the innermost retry has made before this one: 0, 1, … */
  attempt: number

  constructor(parent?: Scope, external?: AbortSignal) {
    this.attempt = parent === undefined ? 0 : parent.attempt
    this.#parent = parent
    this.#external = external
  }

  /** Whether this scope or one above it was aborted. */
  get aborted(): boolean {
    return this.#state?.isAborted === true || this.#external?.aborted === true || this.#parent?.aborted === true
  }

  /** Why it was aborted: the caller's own reason, or the error that ended this scope. */
  get reason(): unknown {
    if (this.#state?.isAborted === true) return this.#state.reason
    return this.#external?.aborted === true ? (this.#external.reason as unknown) : this.#parent?.reason
  }

  /** The caller's own signal if it is aborted: the caller has already been given its reason, and gets nothing more. */
  get callerGone(): AbortSignal | undefined {
    return this.#external?.aborted === true ? this.#external : this.#parent?.callerGone
  }

  get signal(): AbortSignal {
    if (this.#external !== undefined) return this.#external
    const state = this.#ownState()
    if (state.controller === undefined) {
      state.controller = new AbortController()
      if (this.aborted) state.controller.abort(this.reason)
      else {
        state.ofAsker = keepContext('AmorsizeSignal')
        this.follow()
      }
    }
    return state.controller.signal
  }

  /** The arguments of the guarded function, for policies that read them; none in `execute`. */
  get args(): readonly unknown[] {
    return this.#parent === undefined ? NO_ARGUMENTS : this.#parent.args
  }

  /** The priority of the call, if its caller has given one. */
  get priority(): number | undefined {
    return this.#parent?.priority
  }

  /** Whether anything above can abort this scope. */
  get isAbortable(): boolean {
    return this.#external !== undefined || this.#parent !== undefined
  }

  /** Milliseconds until the earliest time limit on this scope; Infinity without one. */
  remainingMs(): number {
    return this.#parent === undefined ? Infinity : this.#parent.remainingMs()
  }

  /** Aborts this scope and those below it; a second time changes nothing. */
  abort(reason: unknown): void {
    if (this.aborted) return
    const state = this.#ownState()
    state.isAborted = true
    state.reason = reason
    this.#announce()
  }

  /** Calls `listener` when the scope is aborted, until {@link Scope.offAbort} or {@link Scope.close}. */
  onAbort(listener: AbortListener): void {
    this.follow()
    this.#state?.listeners?.add(listener)
  }

  offAbort(listener: AbortListener): void {
    this.#state?.listeners?.delete(listener)
  }

  /** Listens to the scope or signal above, until {@link Scope.close}. */
  follow(): void {
    const state = this.#ownState()
    if (state.listeners !== undefined || state.isClosed) return
    state.listeners = new Set()
    this.#parent?.onAbort(this)
    if (this.#external !== undefined) watchSignal(this.#external, this)
  }

  /** Stops listening to the scope or signal above: called when the run in this scope has settled. */
  close(): void {
    const state = this.#state
    if (state === undefined) {
      this.#state = CLOSED
      return
    }
    state.isClosed = true
    if (state.listeners === undefined) return
    state.listeners = undefined
    this.#parent?.offAbort(this)
    if (this.#external !== undefined) unwatchSignal(this.#external, this)
  }

  /** The scope above was aborted. */
  scopeAborted(): void {
    this.#announce()
  }

  /** The caller's own signal was aborted. */
  signalAborted(): void {
    this.#announce()
  }

  #ownState(): State {
    if (this.#state !== undefined && this.#state !== CLOSED) return this.#state
    const state = new State(this.#state === CLOSED)
    this.#state = state
    return state
  }

  #announce(): void {
    const state = this.#state
    const listeners = state?.listeners
    this.close()
    if (state?.controller !== undefined) abort(state.controller, this.reason, state.ofAsker)
    if (listeners !== undefined) for (const listener of listeners) listener.scopeAborted(this)
  }
}

function abort(controller: AbortController, reason: unknown, ofAsker: InContext | undefined): void {
  if (ofAsker === undefined) controller.abort(reason)
  else ofAsker(() => controller.abort(reason))
}

/** The arguments of a call made by `execute`: none. */
export const NO_ARGUMENTS: readonly unknown[] = Object.freeze([])

class State {
  isAborted = false
  reason: unknown = undefined
  controller: AbortController | undefined = undefined
  /** The async context in which the signal was requested: its listeners are called there, not in that of the abort. */
  ofAsker: InContext | undefined = undefined
  /** Defined while the scope listens to the one above it. */
  listeners: Set<AbortListener> | undefined = undefined
  isClosed: boolean

  constructor(isClosed = false) {
    this.isClosed = isClosed
  }
}

/** The state of all scopes that were closed before they needed one of their own; never written to. */
const CLOSED = new State(true)
