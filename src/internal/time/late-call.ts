import { realSetImmediate, realSetTimeout } from './real-timers.js'

/** A call that comes once, later, even if timers of a test framework are installed or removed meanwhile. */
export class LateCall {
  readonly #call: () => void
  readonly #afterMs: number | undefined
  /** The function that it was asked of: Node's, or that of a test framework. */
  #askedOf: unknown = undefined
  #asked = 0

  /** @param afterMs - how much later; undefined: in the next turn of the event loop */
  constructor(call: () => void, afterMs?: number) {
    this.#call = call
    this.#afterMs = afterMs
  }

  /** Has it come, once however often it is asked for until then. */
  ask(): void {
    const ms = this.#afterMs
    const { setImmediate: setNow = realSetImmediate } = globalThis as { readonly setImmediate?: typeof setImmediate }
    const set = ms === undefined ? setNow : setTimeout
    if (this.#askedOf === set) return
    this.#askedOf = set
    const number = ++this.#asked
    if (ms === undefined) {
      setNow(this.#come, number)
      if (set !== realSetImmediate) realSetImmediate(this.#come, number)
    } else {
      setTimeout(this.#come, ms, number)
      if (set !== realSetTimeout) realSetTimeout(this.#come, ms, number)
    }
  }

  readonly #come = (number: number): void => {
    // It has come by the other function, or has been asked of another since.
    if (this.#askedOf === undefined || number !== this.#asked) return
    this.#askedOf = undefined
    this.#call()
  }
}
