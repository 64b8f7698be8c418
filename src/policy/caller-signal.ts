import type { Scope } from './scope.js'

/**
 * The one listener this package puts on a caller's signal, however many calls are running under it: with one for each call,
 * Node warns of a leak from the eleventh on.
 */
class SignalWatch {
  readonly #signal: AbortSignal
  readonly #scopes = new Set<Scope>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(scope: Scope): void {
    if (this.#scopes.size === 0) this.#signal.addEventListener('abort', this)
    this.#scopes.add(scope)
  }

  remove(scope: Scope): void {
    if (this.#scopes.delete(scope) && this.#scopes.size === 0) this.#signal.removeEventListener('abort', this)
  }

  handleEvent(): void {
    for (const scope of this.#scopes) scope.scopeAborted()
  }
}

const watches = new WeakMap<AbortSignal, SignalWatch>()

/** Has `scope` told when the caller's signal is aborted. */
export function watchSignal(signal: AbortSignal, scope: Scope): void {
  let watch = watches.get(signal)
  if (watch === undefined) watches.set(signal, (watch = new SignalWatch(signal)))
  watch.add(scope)
}

export function unwatchSignal(signal: AbortSignal, scope: Scope): void {
  watches.get(signal)?.remove(scope)
}
