import { BoundedMap } from '../bounded-map.js'

/** A program that makes functions from text has any number of them. */
const MOST_NAMES = 1000

/** The process warnings that this copy of the package has given in this thread: each is given once. */
class Warnings {
  readonly #ofNames = new BoundedMap<string, Set<string>>(MOST_NAMES)
  readonly #ofObjects = new WeakMap<object, Set<string>>()

  /**
   * Warns, unless it has warned with this code of the same thing.
   *
   * @param about - what the warning is of: an object, or its name (of the last 1,000); default the whole process
   */
  once(code: string, text: string, about: object | string = ''): void {
    const given = this.#of(about)
    if (given.has(code)) return
    given.add(code)
    process.emitWarning(text, { type: 'AmorsizeWarning', code })
  }

  #of(about: object | string): Set<string> {
    let given = typeof about === 'string' ? this.#ofNames.get(about) : this.#ofObjects.get(about)
    if (given === undefined) {
      given = new Set()
      if (typeof about === 'string') this.#ofNames.set(about, given)
      else this.#ofObjects.set(about, given)
    }
    return given
  }
}

export const warnings = new Warnings()
