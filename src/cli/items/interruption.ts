import { constants } from 'node:os'
import { onSignals, STOP_SIGNALS } from '../end-signals.js'

/** Ctrl-C (or SIGTERM). The first one lets items under way finish and takes no more; the second one stops at once. */
export class Interruption {
  /** Whether items were left out because of an interruption. */
  hasCut = false
  readonly #controller = new AbortController()
  readonly #listeners: (() => void)[] = []
  /** The last signal that came; null if there was none. */
  requestedBy: NodeJS.Signals | null = null
  /** After this call a signal ends the process as usual. */
  readonly stopListening = onSignals((signal) => {
    if (this.requestedBy !== null) this.#controller.abort(new Error('interrupted'))
    this.requestedBy = signal
    for (const listener of this.#listeners) listener()
  }, STOP_SIGNALS)

  /** Aborted by the second request. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Exit code of a process that was ended by this signal. */
  get exitCode(): number {
    return 128 + constants.signals[this.requestedBy ?? 'SIGINT']
  }

  /** Whether the source must end here although it has more items. To be called before each item. */
  cutsHere(): boolean {
    if (this.requestedBy !== null) this.hasCut = true
    return this.requestedBy !== null
  }

  onRequest(listener: () => void): void {
    this.#listeners.push(listener)
  }
}
