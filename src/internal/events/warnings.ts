import { BoundedMap } from '../bounded-map.js'

/** At most this many names are remembered: a program that makes functions from text may have any number of them. */
const MOST_NAMES = 1000

/** Process warnings of this copy of the package in this thread. Each is given once. */
class Warnings {
  readonly #ofNames = new BoundedMap<string, Set<string>>(MOST_NAMES)
  readonly #ofObjects = new WeakMap<object, Set<string>>()

  /**
   * Warns, unless it has already warned of the same thing with this code.
   *
   * @param about - the subject: an object, or a name (the last 1,000 are remembered); default: the whole process
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
