import type { FallbackOptions } from '../policy/fallback-options.js'
import { Fallback } from '../policy/fallback.js'
import { guardMaker } from './guard.js'

/**
 * Gives a substitute if a function or method fails; see `fallback`. A wrapper, a standard decorator and an
 * `experimentalDecorators` one. `@withFallback` without parentheses gives `undefined`.
 *
 * @param valueOrFn - the substitute, or a function `(error, context)` that returns one, or an existing `fallback`. Never the function
 *   to guard: pass that to the guard that this returns
 * @param options - `if`, `onDegraded` and more, see `fallback`
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @example
 * const load = withFallback(() => cache.get('rates'))(
 *   async () => (await fetch(url)).json(),
 * )
 * const isLate = (error: unknown) => TimeoutExceededError.is(error)
 * class Client { @withFallback([], { if: isLate })
 *   async list(): Promise<Item[]> { return loadList() }
 * }
 */
export const withFallback = guardMaker({
  name: 'withFallback',
  kind: 'fallback',
  create: (valueOrFn?: unknown, options?: FallbackOptions) => new Fallback([valueOrFn], options),
})
