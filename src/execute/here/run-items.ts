import { isThenable } from '../model/pace.js'

/** What can end a run while one of its items runs. */
export interface Stoppable {
  readonly isStopped: boolean
}

/** Of those who are stopped by nothing but what an item throws. */
export const UNSTOPPED: Stoppable = { isStopped: false }

/**
 * Runs `items` from `from` up to but without `to`, and appends what they give to `results`. An item that returns a promise ends it, and
 * so does one that stops its run. Every loop of this thread is this one: what the engine has compiled for the first slice of a run
 * is there for the rest.
 *
 * @returns the promise of the first item that returned one
 * What an item throws comes through; as many as it has appended have ended before.
 */
export function runItems(call: (item: unknown) => unknown, items: ArrayLike<unknown>, from: number, to: number, results: unknown[], run: Stoppable): PromiseLike<unknown> | undefined {
  for (let i = from; i < to; i++) {
    const result = call(items[i])
    if (typeof result === 'object' && isThenable(result)) return result
    if (run.isStopped) return undefined
    results.push(result)
  }
  return undefined
}
