/** A function of the same text that comes sooner after another is taken to be of the same version: a program may make many. Doubles each time. ms */
const SOONEST_MS = 1000

/** Tells when a module has been evaluated anew, as development servers do once its text, or that of one it imports, has changed. */
class ModuleVersions {
  /** Counts up each time: a thread that was started before keeps what it has loaded. */
  latest = 0
  /** Of each task the text of the latest function that was at hand, all that there were, and when the next of that text may be of another version. */
  readonly #functions = new Map<
    string,
    { text: string; readonly seen: WeakSet<object>; waitMs: number; notBeforeMs: number }
  >()

  /** A task comes with a function that has not been seen with it. */
  see(call: object, key: string): void {
    const known = this.#functions.get(key)
    const text = Function.prototype.toString.call(call)
    if (known === undefined) {
      this.#functions.set(key, { text, seen: new WeakSet([call]), waitMs: SOONEST_MS, notBeforeMs: -Infinity })
      return
    }
    if (known.seen.has(call)) return
    known.seen.add(call)
    const nowMs = performance.now()
    if (text === known.text && nowMs < known.notBeforeMs) return
    known.waitMs = text === known.text ? 2 * known.waitMs : SOONEST_MS
    known.notBeforeMs = nowMs + known.waitMs
    known.text = text
    this.latest++
  }
}

export const moduleVersions = new ModuleVersions()
