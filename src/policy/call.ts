import type { AnyFunction, Policy } from '../internal/policy.js'
import { checkFunction, checkKeys, describe } from '../internal/validate.js'
import { RETRY_KEYS, type RetryPolicy } from './retry-options.js'
import { Retry } from './retry.js'

/** What the functions for a single call take beside the policy's own options. */
export interface CallOptions<F extends AnyFunction> {
  /** The arguments of the function; default none. */
  readonly args?: Parameters<F> | undefined
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined
}

/** The keys of {@link CallOptions}. */
export const CALL_KEYS = ['args', 'signal'] as const

/**
 * Calls `fn(...args)` once under `policy`.
 *
 * @throws {TypeError} when `fn` is no function or `args` no array
 */
export function callUnder<F extends AnyFunction>(
  policy: Policy,
  fn: F,
  { args, signal }: CallOptions<F>,
): Promise<Awaited<ReturnType<F>>> {
  checkFunction('fn', fn)
  if (args !== undefined && !Array.isArray(args)) throw new TypeError(`args must be an array; received ${describe(args)}`)
  const call = (): Awaited<ReturnType<F>> => Reflect.apply(fn, undefined, args ?? []) as Awaited<ReturnType<F>>
  return signal === undefined ? policy.execute(call) : policy.execute(call, { signal })
}

/**
 * Makes one call with retries, without a decorator or wrapper.
 *
 * @param fn - the function to call
 * @param options - `args` for it, `signal`, and either `policy` (an existing retry) or the options of `retry`
 * @returns what `fn` returned; rejects as `retry` does, and with a TypeError or RangeError for bad options
 * @example
 * const user = await retryCall(loadUser, { args: [42], maxRetries: 5 })
 */
export async function retryCall<F extends AnyFunction>(
  fn: F,
  options: CallOptions<F> & RetryPolicy & { readonly policy?: Retry | RetryPolicy | undefined } = {},
): Promise<Awaited<ReturnType<F>>> {
  checkKeys('retryCall', options, [...CALL_KEYS, 'policy', ...RETRY_KEYS])
  const { args, signal, policy, ...own } = options
  if (policy instanceof Retry) {
    if (Object.keys(own).length > 0) throw new TypeError('retryCall takes either an existing policy or options, not both')
    return callUnder(policy, fn, { args, signal })
  }
  return callUnder(new Retry({ ...policy, ...own }), fn, { args, signal })
}
