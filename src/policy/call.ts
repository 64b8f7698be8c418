import { namesOf } from '../internal/options/options.js'
import { checkFunction, checkKeys, checkOptions, describe } from '../internal/options/validate.js'
import { type AnyFunction, checkKind, type ExistingPolicy, isPolicy, type Policy } from '../internal/policy.js'
import { CircuitBreaker } from './circuit-breaker/circuit-breaker.js'
import { CIRCUIT_BREAKER_OPTIONS, type CircuitBreakerOptions } from './circuit-breaker/options.js'
import { RETRY_OPTIONS, type RetryPolicy } from './retry/options.js'
import { Retry } from './retry/retry.js'

/** Options of the functions for a single call, in addition to the policy's own. */
export interface CallOptions<F extends AnyFunction> {
  /** The arguments of the function; default none. */
  readonly args?: Parameters<F> | undefined
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined
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
  options: CallOptions<F> &
    RetryPolicy<Awaited<ReturnType<F>>> & {
      readonly policy?: ExistingPolicy<'retry'> | RetryPolicy<Awaited<ReturnType<F>>> | undefined
    } = {},
): Promise<Awaited<ReturnType<F>>> {
  return await callWith('retryCall', 'retry', RETRY_OPTIONS, Retry, fn, options)
}

/**
 * Makes one call under a circuit breaker, without a decorator or wrapper. A breaker learns from many calls, so give an existing one
 * as `policy`, or a `name`.
 *
 * @param fn - the function to call
 * @param options - `args` for it, `signal`, and either `policy` (an existing breaker) or the options of `circuitBreaker`
 * @returns what `fn` returned; rejects as `circuitBreaker` does, and with a TypeError or RangeError for bad options
 * @example
 * const user = await circuitBreakerCall(loadUser, {
 *   args: [42],
 *   name: 'users-api',
 * })
 */
export async function circuitBreakerCall<F extends AnyFunction>(
  fn: F,
  options: CallOptions<F> &
    CircuitBreakerOptions & {
      readonly policy?: ExistingPolicy<'circuit-breaker'> | CircuitBreakerOptions | undefined
    } = {},
): Promise<Awaited<ReturnType<F>>> {
  return await callWith('circuitBreakerCall', 'circuit-breaker', CIRCUIT_BREAKER_OPTIONS, CircuitBreaker, fn, options)
}

/**
 * Calls `fn(...args)` once, under the policy given in the options or under one that `Made` makes from the other options.
 *
 * @param name - name of the function that was called, for messages
 * @throws {TypeError} when `fn` is not a function, `args` is not an array, or an option is unknown or wrong
 */
function callWith<F extends AnyFunction, O extends object>(
  name: string,
  kind: string,
  table: Parameters<typeof namesOf>[0],
  Made: new (options: O) => Policy,
  fn: F,
  options: CallOptions<F> & { readonly policy?: object | undefined },
): Promise<Awaited<ReturnType<F>>> {
  checkKeys(name, options, ['args', 'signal', 'policy', ...namesOf(table)])
  const { args, signal, policy: given, ...own } = options
  if (given !== undefined) checkOptions('policy', given)
  const policy = isPolicy(given) ? alone(name, kind, given, own) : new Made({ ...given, ...own } as unknown as O)
  checkFunction('fn', fn)
  if (args !== undefined && !Array.isArray(args))
    throw new TypeError(`args must be an array; received ${describe(args)}`)
  const call = (): Awaited<ReturnType<F>> => Reflect.apply(fn, undefined, args ?? []) as Awaited<ReturnType<F>>
  return signal === undefined ? policy.execute(call) : policy.execute(call, { signal })
}

function alone(name: string, kind: string, policy: Policy, own: object): Policy {
  checkKind(name, kind, policy)
  if (Object.values(own).some((value) => value !== undefined))
    throw new TypeError(`${name} takes either an existing policy or options, not both`)
  return policy
}
