import { constants } from 'node:os'
import { onSignals, STOP_SIGNALS } from '../end-signals.js'

/** Ctrl-C (or SIGTERM): once, to finish what has begun and take no more; again, to stop at once. */
export class Interruption {
  /** Whether items were left because of it. */
  hasCut = false
  readonly #controller = new AbortController()
  readonly #listeners: (() => void)[] = []
  /** The signal that came; null while there was none. */
  requestedBy: NodeJS.Signals | null = null
  /** From now on a signal ends the process as usual. */
  readonly stopListening = onSignals((signal) => {
    if (this.requestedBy !== null) this.#controller.abort(new Error('interrupted'))
    this.requestedBy = signal
    for (const listener of this.#listeners) listener()
  }, STOP_SIGNALS)

  /** Aborted by the second request. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Exit code of a process that such a signal has ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.requestedBy ?? 'SIGINT']
  }

  /** Whether the source must end here although it has more; asked before each item. */
  cutsHere(): boolean {
    if (this.requestedBy !== null) this.hasCut = true
    return this.requestedBy !== null
  }

  onRequest(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
