import type { PolicyContext } from '../internal/policy.js'

/** Something that wants to know when a {@link Scope} is aborted. An object, so that waiting makes no closure. */
export interface AbortListener {
  /** Called once, at most; must not throw. */
  scopeAborted(scope: Scope): void
}

/**
 * Within what a function runs: the whole call, one limited by a time-out, or one attempt of a hedge. Scopes form a tree; one
 * that is aborted aborts those below. As the function's context it makes an AbortSignal only when asked for one.
 */
export class Scope implements PolicyContext, AbortListener {
  readonly #parent: Scope | undefined
  /** The caller's own signal, at the root. */
  readonly #external: AbortSignal | undefined
  #abortedHere = false
  #reasonHere: unknown = undefined
  #controller: AbortController | undefined = undefined
  /** Who is to be told; there while this scope listens to what is above it. */
  #listeners: Set<AbortListener> | undefined = undefined
  #closed = false

  constructor(parent?: Scope, external?: AbortSignal) {
    this.#parent = parent
    this.#external = external
  }

  /** Whether this scope or one above it was aborted. */
  get aborted(): boolean {
    return this.#abortedHere || this.#external?.aborted === true || this.#parent?.aborted === true
  }

  /** Why it was aborted: the caller's own reason, or the error of what ended this scope. */
  get reason(): unknown {
    if (this.#abortedHere) return this.#reasonHere
    return this.#external?.aborted === true ? (this.#external.reason as unknown) : this.#parent?.reason
  }

  get signal(): AbortSignal {
    if (this.#external !== undefined) return this.#external
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.aborted) this.#controller.abort(this.reason)
      else this.follow()
    }
    return this.#controller.signal
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
    this.#abortedHere = true
    this.#reasonHere = reason
    this.#announce()
  }

  /** Has `listener` told when the scope is aborted, until {@link Scope.offAbort} or {@link Scope.close}. */
  onAbort(listener: AbortListener): void {
    this.follow()
    this.#listeners?.add(listener)
  }

  offAbort(listener: AbortListener): void {
    this.#listeners?.delete(listener)
  }

  /** Listens to what is above, until {@link Scope.close}. */
  follow(): void {
    if (this.#listeners !== undefined || this.#closed) return
    this.#listeners = new Set()
    this.#parent?.onAbort(this)
    this.#external?.addEventListener('abort', this)
  }

  /** Lets go of what is above: called when what runs in the scope has settled. */
  close(): void {
    this.#closed = true
    if (this.#listeners === undefined) return
    this.#listeners = undefined
    this.#parent?.offAbort(this)
    this.#external?.removeEventListener('abort', this)
  }

  /** The scope above was aborted. */
  scopeAborted(): void {
    this.#announce()
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.#announce()
  }

  #announce(): void {
    const listeners = this.#listeners
    this.close()
    this.#controller?.abort(this.reason)
    if (listeners !== undefined) for (const listener of listeners) listener.scopeAborted(this)
  }
}
