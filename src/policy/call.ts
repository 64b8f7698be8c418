import { namesOf } from '../internal/options/options.js'
import { checkFunction, checkKeys, checkOptions, describe } from '../internal/options/validate.js'
import { type AnyFunction, checkKind, type ExistingPolicy, isPolicy, type Policy } from '../internal/policy.js'
import { CircuitBreaker } from './circuit-breaker/circuit-breaker.js'
import { CIRCUIT_BREAKER_OPTIONS, type CircuitBreakerOptions } from './circuit-breaker/options.js'
import { RETRY_OPTIONS, type RetryPolicy } from './retry/options.js'
import { Retry } from './retry/retry.js'

/** What the functions for a single call take beside the policy's own options. */
export interface CallOptions<F extends AnyFunction> {
  /** The arguments of the function; default none. */
  readonly args?: Parameters<F> | undefined
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined
}

/** The keys of {@link CallOptions}. */
const CALL_KEYS = ['args', 'signal'] as const

/**
 * Calls `fn(...args)` once under `policy`.
 *
 * @throws {TypeError} when `fn` is no function or `args` no array
 */
function callUnder<F extends AnyFunction>(
  policy: Policy,
  fn: F,
  { args, signal }: CallOptions<F>,
): Promise<Awaited<ReturnType<F>>> {
  checkFunction('fn', fn)
  if (args !== undefined && !Array.isArray(args))
    throw new TypeError(`args must be an array; received ${describe(args)}`)
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
  options: CallOptions<F> &
    RetryPolicy<Awaited<ReturnType<F>>> & {
      readonly policy?: ExistingPolicy<'retry'> | RetryPolicy<Awaited<ReturnType<F>>> | undefined
    } = {},
): Promise<Awaited<ReturnType<F>>> {
  const { args, signal, policy, own } = split('retryCall', options, namesOf(RETRY_OPTIONS))
  if (isPolicy(policy)) return await callUnder(alone('retryCall', 'retry', policy, own), fn, { args, signal })
  return await callUnder(new Retry({ ...policy, ...own }), fn, { args, signal })
}

/**
 * Makes one call under a circuit breaker, without a decorator or wrapper. A breaker learns from many calls, so give an existing one
 * as `policy`, or a `name`.
 *
 * @param fn - the function to call
 * @param options - `args` for it, `signal`, and either `policy` (an existing breaker) or the options of `circuitBreaker`
 * @returns what `fn` returned; rejects as `circuitBreaker` does, and with a TypeError or RangeError for bad options
 * @example
 * const user = await circuitBreakerCall(loadUser, { args: [42], name: 'users-api' })
 */
export async function circuitBreakerCall<F extends AnyFunction>(
  fn: F,
  options: CallOptions<F> &
    CircuitBreakerOptions & {
      readonly policy?: ExistingPolicy<'circuit-breaker'> | CircuitBreakerOptions | undefined
    } = {},
): Promise<Awaited<ReturnType<F>>> {
  const { args, signal, policy, own } = split('circuitBreakerCall', options, namesOf(CIRCUIT_BREAKER_OPTIONS))
  if (isPolicy(policy))
    return await callUnder(alone('circuitBreakerCall', 'circuit-breaker', policy, own), fn, { args, signal })
  return await callUnder(new CircuitBreaker({ ...policy, ...own }), fn, { args, signal })
}

/** Checks the keys and tells the policy's own options (`own`) from the others. */
function split<F extends AnyFunction, O, P>(
  name: string,
  options: CallOptions<F> & O & { readonly policy?: P },
  keys: readonly (keyof O & string)[],
): {
  args: Parameters<F> | undefined
  signal: AbortSignal | undefined
  policy: P | undefined
  own: Omit<typeof options, 'args' | 'signal' | 'policy'>
} {
  checkKeys(name, options, [...CALL_KEYS, 'policy', ...keys])
  const { args, signal, policy, ...own } = options
  if (policy !== undefined) checkOptions('policy', policy)
  return { args, signal, policy, own }
}

function alone(name: string, kind: string, policy: Policy, own: object): Policy {
  checkKind(name, kind, policy)
  if (Object.keys(own).length > 0) throw new TypeError(`${name} takes either an existing policy or options, not both`)
  return policy
}
