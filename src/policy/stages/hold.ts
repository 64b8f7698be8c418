/**
 * The slot of a bulkhead that one call holds. A time-out or a hedge may stop waiting for work that continues; the slot is free when
 * that work has ended too, not when the wait has.
 */
export class Hold {
  /** The hold of the next bulkhead outside, or undefined. */
  readonly outer: Hold | undefined
  readonly #release: () => void
  /** The call itself counts as one. */
  #users = 1
  #isReleased = false

  /**
   * @param outer - `call.hold` as it was before
   * @param release - called once, when nothing runs under this hold any more
   */
  constructor(outer: Hold | undefined, release: () => void) {
    this.outer = outer
    this.#release = release
  }

  /** The call has left the bulkhead. If a foreign policy begins another run after that, it holds nothing. */
  leave(): void {
    if (--this.#users !== 0 || this.#isReleased) return
    this.#isReleased = true
    this.#release()
  }

  /** Keeps `hold` and those outside it until {@link Hold.drop} is called as often. */
  static keep(hold: Hold | undefined): void {
    for (let each = hold; each !== undefined; each = each.outer) each.#users++
  }

  static drop(hold: Hold | undefined): void {
    for (let each = hold; each !== undefined; each = each.outer) each.leave()
  }
}
