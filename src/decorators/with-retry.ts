import type { RetryPolicy } from '../policy/retry/options.js'
import { Retry } from '../policy/retry/retry.js'
import { guardFactory } from './guard.js'

/**
 * Calls a function or method again after failures; see `retry`. A wrapper, a standard decorator and an
 * `experimentalDecorators` one.
 *
 * @param options - a retry policy (default: three retries, 100 ms doubling to at most a minute, full jitter), or an existing `retry`
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @example
 * const load = withRetry({ maxRetries: 5 })(
 *   async (id: number) => (await fetch(`${url}/${id}`)).json(),
 * )
 * class Client { @withRetry async user(id: number) { return load(id) } }
 */
export const withRetry = guardFactory({
  name: 'withRetry',
  kind: 'retry',
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what the function returns is not known yet
  create: (options?: RetryPolicy<any>) => new Retry(options),
})
