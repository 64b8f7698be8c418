/** Is notified when a caller's signal is aborted. It is an object, so that waiting makes no closure. */
export interface SignalListener {
  /** Called at most once; must not throw. */
  signalAborted(): void
}

/**
 * The one listener this package puts on a caller's signal, however many calls wait or run under it. With one listener per call, Node
 * would warn of a leak from the eleventh on, and removing one would search through all.
 */
class SignalWatch {
  readonly #signal: AbortSignal
  readonly #listeners = new Set<SignalListener>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(listener: SignalListener): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener('abort', this)
    this.#listeners.add(listener)
  }

  remove(listener: SignalListener): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#signal.removeEventListener('abort', this)
  }

  handleEvent(): void {
    for (const listener of this.#listeners) listener.signalAborted()
  }
}

const watches = new WeakMap<AbortSignal, SignalWatch>()

/** Calls `listener` when the caller's signal is aborted; several are called in the order in which they were added. */
export function watchSignal(signal: AbortSignal, listener: SignalListener): void {
  let watch = watches.get(signal)
  if (watch === undefined) watches.set(signal, (watch = new SignalWatch(signal)))
  watch.add(listener)
}

export function unwatchSignal(signal: AbortSignal, listener: SignalListener): void {
  watches.get(signal)?.remove(listener)
}

/** Throws the reason of an aborted signal. The signal's own method is missing in jsdom 20, which Jest 29 uses. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason
}

/** Settles as `promise` does, or rejects with the reason of `signal` if it is aborted before. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  const { promise: aborted, listener } = whenAborted(signal)
  try {
    return await Promise.race([aborted, promise])
  } finally {
    unwatchSignal(signal, listener)
  }
}

function whenAborted(signal: AbortSignal): { readonly promise: Promise<never>; readonly listener: SignalListener } {
  let signalAborted!: () => void
  const promise = new Promise<never>((_, reject) => {
    signalAborted = () => reject(signal.reason)
  })
  const listener = { signalAborted }
  if (signal.aborted) signalAborted()
  else watchSignal(signal, listener)
  return { promise, listener }
}
