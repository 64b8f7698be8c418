import { checkKeys } from '../internal/options/validate.js'
import { type TimeLimit, TIMEOUT_OPTIONS, type TimeoutOptions } from '../policy/timeout-options.js'
import { Timeout } from '../policy/timeout.js'
import { guardFactory } from './guard.js'

/** Half a minute: most servers and proxies give a request no more. */
const DEFAULT_TIMEOUT_MS = 30_000

/** Options of {@link withTimeout} as one object. */
export interface WithTimeoutOptions extends TimeoutOptions {
  /** Milliseconds, > 0, or a function that returns them from the arguments of a call; default 30,000. */
  readonly timeoutMs?: number | TimeLimit | undefined
}

/**
 * Limits how long a function or method may take; see `timeout`. A wrapper, a standard decorator and an `experimentalDecorators` one.
 *
 * @param timeoutMs - milliseconds, > 0, default 30,000; or options that include `timeoutMs`; or an existing `timeout`
 * @param options - `strategy` and more, see `timeout`
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @example
 * const load = withTimeout(2000)(
 *   async (id: number) => (await fetch(`${url}/${id}`)).json(),
 * )
 * class Client { @withTimeout({ timeoutMs: 500, strategy: 'cooperative' })
 *   async fetchUser(id: number) { return load(id) }
 * }
 */
export const withTimeout = guardFactory({
  name: 'withTimeout',
  kind: 'timeout',
  create: (first?: number | WithTimeoutOptions, options?: TimeoutOptions) => {
    if (typeof first !== 'object') return new Timeout(first ?? DEFAULT_TIMEOUT_MS, options)
    checkKeys('withTimeout', first, ['timeoutMs', ...Object.keys(TIMEOUT_OPTIONS)])
    const { timeoutMs = DEFAULT_TIMEOUT_MS, ...rest } = first
    return new Timeout(timeoutMs, { ...rest, ...options })
  },
})
