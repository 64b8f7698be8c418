/** A function of the same text that comes sooner after another is taken to be of the same version: a program may make many. ms */
const SOONEST_MS = 1000

/** Tells when a module has been evaluated anew, as development servers do once its text, or that of one it imports, has changed. */
class ModuleVersions {
  /** Counts up each time: a thread that was started before keeps what it has loaded. */
  latest = 0
  #latestMs = -Infinity
  /** Of each task the text of the latest function that was at hand, and all that there were. */
  readonly #functions = new Map<string, { text: string; readonly seen: WeakSet<object> }>()

  /** A task comes with a function that has not been seen with it. */
  see(call: object, key: string): void {
    const known = this.#functions.get(key)
    const text = Function.prototype.toString.call(call)
    if (known === undefined) {
      this.#functions.set(key, { text, seen: new WeakSet([call]) })
      return
    }
    if (known.seen.has(call)) return
    known.seen.add(call)
    const nowMs = performance.now()
    if (text === known.text && nowMs - this.#latestMs < SOONEST_MS) return
    known.text = text
    this.latest++
    this.#latestMs = nowMs
  }
}

export const moduleVersions = new ModuleVersions()
