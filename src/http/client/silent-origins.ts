/** So many answers in a row without a word of limits make an origin silent. */
const SILENT_AFTER = 16
/** Of a silent origin's answers, one in so many is looked at. */
const LOOK_EVERY = 16

/**
 * Origins whose answers have no fields about limits. Iterating over the fields of fetch's answers sorts and copies them, which takes longer than
 * all else that policies do for a request. Few servers send such fields, and most of these send them in every answer.
 */
export class SilentOrigins {
  readonly #capacity: number
  /** Answers in a row without a word of limits. */
  readonly #silence = new Map<string, number>()

  /** `capacity`: how many are known at a time; beyond it all are forgotten, so that the answers of each are read again. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** An origin has answered. @returns whether to read the fields of that answer */
  answered(origin: string): boolean {
    const silence = this.#silence.get(origin)
    if (silence === undefined || silence < SILENT_AFTER) return true
    this.#silence.set(origin, silence + 1)
    return silence % LOOK_EVERY === 0
  }

  /** Records whether an answer had fields about limits. */
  looked(origin: string, told: boolean): void {
    if (told) {
      this.#silence.delete(origin)
      return
    }
    const silence = this.#silence.get(origin)
    if (silence === undefined && this.#silence.size >= this.#capacity) this.#silence.clear()
    // Once an origin is silent, each look for an answer counts by itself.
    if (silence === undefined || silence < SILENT_AFTER) this.#silence.set(origin, (silence ?? 0) + 1)
  }
}
