import { BoundedMap } from '../../internal/bounded-map.js'

/** So many are remembered. */
const MOST = 1000
/** After a run whose items computed, so many others must have been free. A function that calls another, given to it, is one task by its source. */
const DOUBT = 2

/**
 * Tasks whose items wait and compute little, so that they are in nobody's way. A function is known by its source, since a handler makes its own
 * anew for each request.
 */
export class FreeTasks {
  /** How many more runs must be free until the task is believed to be. */
  readonly #doubts = new BoundedMap<string, number>(MOST)

  /** @param task - a function, or its module and export */
  has(task: object | string): boolean {
    return this.#doubts.get(nameOf(task)) === 0
  }

  /** A run of `task` has shown whether its items are free. */
  note(task: object | string, isFree: boolean): void {
    const name = nameOf(task)
    // What is bound or built in shows nothing of itself.
    if (name.endsWith('[native code] }')) return
    const doubt = isFree ? Math.max(0, (this.#doubts.get(name) ?? 0) - 1) : DOUBT
    this.#doubts.delete(name)
    this.#doubts.set(name, doubt)
  }
}

function nameOf(task: object | string): string {
  return typeof task === 'string' ? task : Function.prototype.toString.call(task)
}
