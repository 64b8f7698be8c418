/** A function of the same text that comes sooner after another counts only after that time: a program may make many. Doubles each time, up to the most. */
const WAIT_MS = { least: 1000, most: 8000 }

/** Notices when a module has been evaluated again, as development servers do once its text, or that of one it imports, has changed. */
export class ModuleVersions {
  #latest = 0
  /** When a function that came too soon will count. */
  #dueMs = Infinity
  /** Of each task the text of the latest function that was at hand, all that there were, and when the next of that text may be of another version. */
  readonly #functions = new Map<
    string,
    { text: string; readonly seen: WeakSet<object>; waitMs: number; notBeforeMs: number }
  >()

  /** The present version, which counts up each time: a thread that was started before keeps what it has loaded. */
  check(): number {
    if (this.#dueMs !== Infinity && performance.now() >= this.#dueMs) {
      this.#dueMs = Infinity
      this.#latest++
    }
    return this.#latest
  }

  /** A task comes with a function that has not been seen with it. */
  see(call: object, key: string): void {
    const known = this.#functions.get(key)
    const text = Function.prototype.toString.call(call)
    if (known === undefined) {
      this.#functions.set(key, { text, seen: new WeakSet([call]), waitMs: WAIT_MS.least, notBeforeMs: -Infinity })
      return
    }
    if (known.seen.has(call)) return
    known.seen.add(call)
    const nowMs = performance.now()
    if (text === known.text && nowMs < known.notBeforeMs) {
      this.#dueMs = Math.min(this.#dueMs, known.notBeforeMs)
      return
    }
    known.waitMs = text === known.text ? Math.min(2 * known.waitMs, WAIT_MS.most) : WAIT_MS.least
    known.notBeforeMs = nowMs + known.waitMs
    known.text = text
    this.#latest++
  }
}

export const moduleVersions = new ModuleVersions()
