import { type CompleteOptions, mostUnderWay } from '../options.js'

/**
 * The items that may be under way at once in all lanes of a run. This thread takes a slot for each that it begins, a worker's lane one for each
 * that may wait in its worker, and keeps them for as long as it has items.
 */
export class Slots {
  #free: number
  /** Callers that wait, in the order in which they came. */
  readonly #waiting = new Set<() => void>()

  constructor(options: CompleteOptions) {
    this.#free = mostUnderWay(options)
  }

  /** Takes a slot, unless none is free or others wait. @param again - called then, once, when it may be its turn */
  take(again: () => void): boolean {
    const isFree = this.#free > 0 && this.#waiting.size === 0
    if (isFree) this.#free--
    else this.#waiting.add(again)
    return isFree
  }

  /** For an item that has begun already, also if none is free. */
  takeAnyway(): void {
    this.#free--
  }

  /** @param leaving - waits no more: it has nothing to begin */
  give(count = 1, leaving?: () => void): void {
    this.#free += count
    if (leaving !== undefined) this.#waiting.delete(leaving)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    // A caller that finds no slot waits again, and so do those behind it.
    for (const again of waiting) again()
  }
}
