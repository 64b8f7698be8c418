import { runError } from '../internal/run-error.js'
import { describe } from '../internal/validate.js'
import { checkReference, isMade, type ResolvedTask, type TaskFunction } from './task.js'
import { whyNotImported } from './transfer/why-not-imported.js'

const NO_EXPORTS = Object.freeze({})

/** Finds the functions of tasks, each once, so that calling `execute` in a loop makes nothing anew. */
export class TaskResolver {
  readonly #functions = new WeakMap<object, ResolvedTask>()
  readonly #references = new WeakMap<object, ResolvedTask>()
  /** Imports under way, which have one listener together: Node warns of a leak from the eleventh on. */
  readonly #importing = new Set<() => void>()
  readonly #refuseAll = (): void => {
    for (const refuse of this.#importing) refuse()
  }

  /** A function as a task. */
  function(fn: TaskFunction): ResolvedTask {
    let resolved = this.#functions.get(fn)
    if (resolved === undefined) this.#functions.set(fn, (resolved = new InlineTask(fn as ResolvedTask['call'])))
    return resolved
  }

  /** What a reference that `task()` has made stands for, once it has been resolved, as long as its module exports that: it may export another. */
  known(given: unknown): ResolvedTask | undefined {
    const resolved = typeof given === 'object' && given !== null ? this.#references.get(given) : undefined
    return resolved !== undefined && resolved.exports[resolved.reference?.export ?? ''] === resolved.call
      ? resolved
      : undefined
  }

  /**
   * Finds the function of a task.
   *
   * @throws {TypeError} when the task is neither a function nor a reference to one
   * What the import of its module throws comes through.
   */
  async resolve(given: unknown): Promise<ResolvedTask> {
    if (typeof given === 'function') return this.function(given as TaskFunction)
    const before = this.known(given)
    if (before !== undefined) return before
    const reference = checkReference(given)
    const module = await this.#import(reference.url)
    const call = module[reference.export]
    if (typeof call !== 'function') {
      const names = Object.keys(module).filter((name) => typeof module[name] === 'function')
      throw new TypeError(
        `${reference.url} must export a function named '${reference.export}'; received ${describe(call)}` +
          ` (functions it exports: ${names.join(', ') || 'none'})`,
      )
    }
    const identity = `${reference.url}#${reference.export}`
    const resolved: ResolvedTask = {
      call: call as ResolvedTask['call'],
      reference,
      key: identity,
      identity,
      exports: module,
    }
    if (isMade(given as object)) this.#references.set(given as object, resolved)
    return resolved
  }

  /**
   * Imports a module, whatever bundler has joined this code into a program: the module is the user's. One that awaits a run of its own
   * export at its top level would wait for itself for ever: its import ends when its top level has. That is so when this thread has
   * nothing left to do and the import has still not ended.
   */
  async #import(url: string): Promise<Record<string, unknown>> {
    let refuse!: () => void
    const stuck = new Promise<never>((_, reject) => {
      refuse = () => reject(selfAwaited(url))
    })
    if (this.#importing.size === 0) process.on('beforeExit', this.#refuseAll)
    this.#importing.add(refuse)
    try {
      return (await Promise.race([import(/* webpackIgnore: true */ /* @vite-ignore */ url), stuck])) as Record<
        string,
        unknown
      >
    } catch (error) {
      throw whyNotImported(url, error, false)
    } finally {
      this.#importing.delete(refuse)
      if (this.#importing.size === 0) process.off('beforeExit', this.#refuseAll)
    }
  }
}

class InlineTask implements ResolvedTask {
  readonly reference = undefined
  readonly exports = NO_EXPORTS

  constructor(readonly call: (item: unknown) => unknown) {}

  get key(): object {
    return this.call
  }

  get identity(): string {
    return Function.prototype.toString.call(this.call)
  }
}

function selfAwaited(url: string): Error {
  return runError(
    `${url} awaits, as it is loaded, a run of a task that it exports itself; export the task from a module of its own, or start the run in a function that is not awaited at the top level`,
  )
}
