/**
 * The bulkhead slot that one call holds. A timeout or a hedge may stop waiting for work that continues; the slot is freed only
 * when that work has ended, too.
 */
export class Hold {
  /** The hold of the next bulkhead outside, or undefined. */
  readonly outer: Hold | undefined
  readonly #release: () => void
  /** Runs that need the slot. The call itself counts as one. */
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

  /** The call, or a run inside it, has ended. A run that a foreign policy begins after the last of them holds no slot. */
  leave(): void {
    if (--this.#users !== 0 || this.#isReleased) return
    this.#isReleased = true
    this.#release()
  }

  /** Keeps `hold` and the holds outside it until {@link Hold.drop} has been called as often. */
  static keep(hold: Hold | undefined): void {
    for (let each = hold; each !== undefined; each = each.outer) each.#users++
  }

  static drop(hold: Hold | undefined): void {
    for (let each = hold; each !== undefined; each = each.outer) each.leave()
  }
}
