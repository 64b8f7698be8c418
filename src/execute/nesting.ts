import type { ExecutionError } from '../errors.js'
import { runError } from '../internal/run-error.js'

/** Marks a thread as a worker of ours, for every copy of the package that is loaded in it. */
const mark = Symbol.for('amorsize.worker')

interface Nesting {
  /** Whether the worker is importing the task's module at this moment. */
  isLoading: boolean
  /** Why the module cannot be a task's. */
  refusal: ExecutionError | undefined
}

interface Marked {
  [mark]?: Nesting
}

export function markAsWorker(): Nesting {
  return ((globalThis as Marked)[mark] = { isLoading: false, refusal: undefined })
}

/** Whether this thread is a worker of ours: what runs in it shares the budget of its run, so it starts no workers. */
export function isWorkerOfOurs(): boolean {
  return (globalThis as Marked)[mark] !== undefined
}

/**
 * A module that starts a run when it is loaded would start it again in every worker that imports it for its task.
 *
 * @throws {ExecutionError} ERR_EXECUTION while a worker of ours imports a task's module
 */
export function refuseWhileLoading(): void {
  const nesting = (globalThis as Marked)[mark]
  if (nesting?.isLoading !== true) return
  const message =
    "a module that exports a task starts a run when it is imported, so each worker would start it again; put 'if (isMainThread)' around it"
  nesting.refusal = runError(message)
  throw nesting.refusal
}
