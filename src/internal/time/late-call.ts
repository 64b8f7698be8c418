import { realSetImmediate, realSetTimeout } from './real-timers.js'

/** A call that is made once, later, even if a test framework installs or removes its timers meanwhile. */
export class LateCall {
  readonly #call: () => void
  readonly #afterMs: number | undefined
  /** The function that set the timer last, Node's or a test framework's; undefined while no call is due. */
  #askedOf: unknown = undefined
  #asked = 0

  /** @param afterMs - delay in milliseconds; undefined: in the next turn of the event loop */
  constructor(call: () => void, afterMs?: number) {
    this.#call = call
    this.#afterMs = afterMs
  }

  /** Schedules the call; it comes once, however often it is requested until then. */
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
    // The call has come by the other function already, or was scheduled again by another one since.
    if (this.#askedOf === undefined || number !== this.#asked) return
    this.#askedOf = undefined
    this.#call()
  }
}
