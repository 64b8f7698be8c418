import { checkClock } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkBoolean, checkKeys, checkNumber } from '../internal/validate.js'
import { MAX_CAPACITY } from '../memory/keyed/terms.js'
import type { NameScope } from '../memory/shared/names.js'
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js'
import type { RateLimitPolicy } from '../rate-limit/rate-limit-policy.js'
import { OriginPauses } from './origin-pauses.js'
import { type PerOrigin, originReader } from './origin.js'
import { checkEncodedName } from './store-options.js'

/** What {@link policyInterceptor} is made with. */
export interface PolicyInterceptorOptions {
  /** Which requests belong together: 'origin' (default), or a function of their own. */
  per?: PerOrigin | undefined
  /** A rate for each origin; a request waits for it. `maxQueue` bounds how many do. */
  limit?: Omit<Partial<RateLimitPolicy>, 'name' | 'scope' | 'clock'> | undefined
  /** Whether rate limits that answers tell of are kept to; default true. Retry-After of a 429 or 503 is in any case. */
  adapt?: boolean | undefined
  /** How many origins are known at a time; an integer >= 1, default 1,000. */
  maxOrigins?: number | undefined
  /** Same name, same limits and pauses: in every thread, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  scope?: NameScope | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** What is used of undici's options of a request. */
interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method: string
  readonly signal?: unknown
}

/** `dispatch` of undici, whichever version's. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- undici's types of 6, 7 and 8 differ; each checks its own
export type UndiciDispatch = (options: any, handler: any) => boolean

const KEYS = [
  'per',
  'limit',
  'adapt',
  'maxOrigins',
  'name',
  'scope',
  'clock',
] as const satisfies (keyof PolicyInterceptorOptions)[]

/**
 * An interceptor for undici 6, 7 and 8 that keeps to a rate for each origin and to what the servers ask for, as {@link policyFetch} does:
 * a request that must wait is dispatched later. Its handler is handed on as it is. For retries put undici's own outside it.
 *
 * @param options - see {@link PolicyInterceptorOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const agent = new Agent().compose(policyInterceptor({ limit: { requestsPerSecond: 5 } }))
 */
export function policyInterceptor(
  options: PolicyInterceptorOptions = {},
): (dispatch: UndiciDispatch) => UndiciDispatch {
  checkKeys('policyInterceptor', options, KEYS)
  const { per = 'origin', adapt = true, maxOrigins = 1000, limit } = options
  const clock = checkClock('clock', options.clock ?? systemClock)
  const capacity = checkNumber('maxOrigins', maxOrigins, { min: 1, max: MAX_CAPACITY, integer: true })
  const { name, scope } = checkEncodedName(options.name, options.scope)
  const originOf = originReader(per)
  const pauses = new OriginPauses({ capacity, name, scope, clock, adapts: checkBoolean('adapt', adapt) })
  const named = name === null ? {} : { name: `${name}%limit`, scope }
  const limiter = limit === undefined ? undefined : new KeyedRateLimiter({ ...limit, capacity, clock, ...named })
  const longestMs = limit?.waitOnLimit === false ? 0 : (limit?.maxWaitMs ?? Infinity)
  const mostPaused = limit?.maxQueue ?? Infinity
  let paused = 0

  const gate = async (origin: string, signal: AbortSignal | undefined): Promise<void> => {
    do {
      if (pauses.remainingMs(origin) > 0) {
        paused++
        try {
          await pauses.wait(origin, signal, paused > mostPaused ? 0 : longestMs)
        } finally {
          paused--
        }
      }
      await limiter?.acquire(origin, 1, signal === undefined ? {} : { signal })
    } while (pauses.remainingMs(origin) > 0)
  }

  return (dispatch) => (request: DispatchOptions, handler: Handler) => {
    const { path, method } = request
    const url = new URL(path, String(request.origin ?? 'http://localhost')).href
    const origin = originOf({ url, method })
    const watched = watchAnswer(handler, (status, headers) => {
      const ms = pauses.observe(origin, status, headers)
      if (ms > 0) limiter?.pauseFor(origin, ms)
    })
    // What need not wait is dispatched at once, and what `dispatch` throws or returns is the caller's.
    if (pauses.remainingMs(origin) === 0 && limiter?.takeNow(origin) !== false) return dispatch(request, watched)
    const { signal, release } = signalOf(request.signal)
    gate(origin, signal)
      .then(() => void dispatch(request, watched))
      // Nobody awaits a dispatch: what goes wrong here is the handler's, or would end the process.
      .catch((error: unknown) => fail(handler, error))
      .finally(release)
    return true
  }
}

/** A handler of undici: 6 has the first, 7 either, 8 the second. */
interface Handler {
  onHeaders?: (status: number, headers: (Buffer | string)[], ...rest: unknown[]) => unknown
  onError?: (error: unknown) => void
  onResponseStart?: (
    controller: unknown,
    status: number,
    headers: Record<string, string | string[]>,
    ...rest: unknown[]
  ) => unknown
  onResponseError?: (controller: unknown, error: unknown) => void
}

type Answer = (status: number, headers: { get(name: string): string | undefined }) => void

/** The same handler, with a look at the status and the header fields as they pass. */
function watchAnswer(handler: Handler, seen: Answer): Handler {
  return new Proxy(handler, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      if (property === 'onResponseStart')
        return (...[controller, status, headers, ...rest]: Parameters<NonNullable<Handler['onResponseStart']>>) => {
          seen(status, { get: (name) => textOf(headers[name]) })
          return target.onResponseStart?.(controller, status, headers, ...rest)
        }
      if (property === 'onHeaders')
        return (...[status, headers, ...rest]: Parameters<NonNullable<Handler['onHeaders']>>) => {
          seen(status, rawHeaders(headers))
          return target.onHeaders?.(status, headers, ...rest)
        }
      // Handlers have private fields, which only they themselves can reach.
      return (value as (...args: unknown[]) => unknown).bind(target)
    },
  })
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

/** A list of names and values in turns. */
function rawHeaders(headers: readonly (Buffer | string)[]): { get(name: string): string | undefined } {
  const values = new Map<string, string>()
  for (let n = 0; n + 1 < headers.length; n += 2) {
    const name = String(headers[n]).toLowerCase()
    const before = values.get(name)
    values.set(name, before === undefined ? String(headers[n + 1]) : `${before}, ${String(headers[n + 1])}`)
  }
  return { get: (name) => values.get(name) }
}

function fail(handler: Handler, error: unknown): void {
  if (typeof handler.onResponseError === 'function') handler.onResponseError(null, error)
  else handler.onError?.(error)
}

/** undici takes an AbortSignal or an emitter of 'abort', and watches it only once the request is dispatched. */
function signalOf(given: unknown): { signal: AbortSignal | undefined; release: () => void } {
  const nothing = (): void => undefined
  if (given instanceof AbortSignal) return { signal: given, release: nothing }
  const emitter = given as
    | {
        on?: unknown
        once?: (event: 'abort', listener: () => void) => void
        removeListener?: (event: 'abort', listener: () => void) => void
      }
    | null
    | undefined
  if (typeof emitter?.once !== 'function') return { signal: undefined, release: nothing }
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  emitter.once('abort', abort)
  return { signal: controller.signal, release: () => emitter.removeListener?.('abort', abort) }
}
