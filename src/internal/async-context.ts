import { builtins } from './builtins.js'

/** Calls a function in the asynchronous context that was captured. */
export type InContext = <R>(fn: () => R) => R

/**
 * Captures the current asynchronous context, so that `AsyncLocalStorage` has the same values in later calls, whichever event causes them.
 * `AsyncLocalStorage.snapshot()` would do, but it binds a function, for which Node 20 defines a deprecated property each time.
 *
 * @param name - the type of the async resource, for tools that trace them
 */
export function keepContext(name: string): InContext {
  const resource = new builtins.asyncHooks.AsyncResource(name)
  return (fn) => resource.runInAsyncScope(fn)
}
