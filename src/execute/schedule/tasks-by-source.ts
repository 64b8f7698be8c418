import { BoundedMap } from '../../internal/bounded-map.js'

const MOST = 1000
/** After a run that showed the opposite, this many runs must show it. They may be different tasks: functions that only call another one share a source. */
const DOUBT = 2

/** Tasks for which runs have shown that something holds. A function is known by its source, since a handler makes a new one for each request. */
export class TasksBySource {
  /** How many more runs must show it before it is believed. */
  readonly #doubts = new BoundedMap<string, number>(MOST)

  /** @param task - a function, or its module and export */
  has(task: object | string): boolean {
    return this.#doubts.get(nameOf(task)) === 0
  }

  /** A run of `task` has shown whether it holds. */
  note(task: object | string, holds: boolean): void {
    const name = nameOf(task)
    // A bound or built-in function does not show its source.
    if (name.endsWith('[native code] }')) return
    const doubt = holds ? Math.max(0, (this.#doubts.get(name) ?? 0) - 1) : DOUBT
    this.#doubts.delete(name)
    this.#doubts.set(name, doubt)
  }
}

function nameOf(task: object | string): string {
  return typeof task === 'string' ? task : Function.prototype.toString.call(task)
}
