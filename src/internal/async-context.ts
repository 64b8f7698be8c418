import { builtins } from './builtins.js'

/** Calls a function in the asynchronous context that was kept. */
export type InContext = <R>(fn: () => R) => R

/**
 * Keeps the asynchronous context of now: whose request it is, for `AsyncLocalStorage`, whatever event leads to a later call.
 * `AsyncLocalStorage.snapshot()` would do, but binds a function, for which Node 20 makes a deprecated property each time.
 *
 * @param name - the type of the resource, for tools that watch these
 */
export function keepContext(name: string): InContext {
  const resource = new builtins.asyncHooks.AsyncResource(name)
  return (fn) => resource.runInAsyncScope(fn)
}
