import { URL as NodeUrl } from 'node:url'
import { checkKeys, checkOptions } from '../../internal/options/validate.js'
import type { AnswerHeaders } from './answer-limits.js'
import { ORIGIN_POLICY_KEYS, OriginPolicies, type OriginPolicyOptions, type Place } from './origin-policies.js'

/** Options of {@link policyInterceptor}. */
export type PolicyInterceptorOptions = OriginPolicyOptions

/** The part of undici's options of a request that is used here. */
interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method: string
  readonly signal?: unknown
}

/** `dispatch` of undici, whichever version's. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- undici's types of 6, 7 and 8 differ; each checks its own
export type UndiciDispatch = (options: any, handler: any) => boolean

/** Options of policyFetch that an interceptor cannot have, since it hands the handler on as it is; and their substitutes. */
const ELSEWHERE = {
  retry: 'put interceptors.retry() of undici outside it',
  retryMethods: 'put interceptors.retry({ methods }) of undici outside it',
  timeoutMs: 'give the request a headersTimeout, or put timeout() around it',
  hedge: 'put hedge() around the request',
  fetch: 'policyFetch does',
}

/**
 * An interceptor for undici 6, 7 and 8 that keeps to a rate, places and a breaker for each origin and to what the servers ask for, as
 * {@link policyFetch} does: a request that must wait is dispatched later. Its handler is handed on as it is. For retries put undici's own
 * outside it.
 *
 * @param options - see {@link PolicyInterceptorOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * import { Agent } from 'undici'
 * const limit = { requestsPerSecond: 5 }
 * const agent = new Agent().compose(policyInterceptor({ limit }))
 */
export function policyInterceptor(
  options: PolicyInterceptorOptions = {},
): (dispatch: UndiciDispatch) => UndiciDispatch {
  checkOptions('policyInterceptor', options)
  for (const [name, instead] of Object.entries(ELSEWHERE))
    if (name in options) throw new TypeError(`policyInterceptor takes no '${name}': ${instead}`)
  checkKeys('policyInterceptor', options, ORIGIN_POLICY_KEYS)
  const policies = new OriginPolicies(options)

  return (dispatch) => (request: DispatchOptions, handler: Handler) => {
    const { method } = request
    const origin = policies.originOf({ url: urlOf(request), method })
    const send = (place: Place, resolve: (answer: { status: number }) => void, reject: Watcher['failed']): boolean => {
      const answered = (status: number, headers: AnswerHeaders): void => {
        policies.observe(origin, status, headers)
        resolve({ status })
      }
      const ended = (): void => place?.[Symbol.dispose]()
      const failed = (error: unknown): void => {
        place?.fail(error)
        reject(error)
      }
      return dispatch(request, watchAnswer(handler, { answered, ended, failed }))
    }
    // A request that need not wait is dispatched at once, and the caller gets what `dispatch` throws or returns.
    if (policies.passes(origin)) return send(undefined, nothing, nothing)
    let isSent = false
    // Undici only watches it once the request is dispatched. An emitter of 'abort' is left to undici.
    const signal = request.signal instanceof AbortSignal ? request.signal : undefined
    const sendLater = (place: Place): Promise<{ status: number }> =>
      new Promise((resolve, reject) => {
        send(place, resolve, reject)
        isSent = true
      })
    // Nobody awaits a dispatch: errors before it go to the handler, or they would end the process. Undici reports later ones.
    policies.attempt(origin, signal, sendLater).catch((error: unknown) => {
      if (isSent) return
      if (typeof handler.onResponseError === 'function') handler.onResponseError(null, error)
      else handler.onError?.(error)
    })
    return true
  }
}

/** The URL of a request. A path is put behind its origin: one that begins with two slashes would be resolved to another. */
function urlOf({ origin, path }: Pick<DispatchOptions, 'origin'> & { readonly path: unknown }): string {
  // A Client or Pool asks its own server, whatever origin it is given; an Agent refuses an invalid one.
  const base = NodeUrl.canParse('/', String(origin)) ? String(origin) : 'http://localhost'
  // For a proxy the path may be a whole URL; undici refuses anything else.
  const isWhole = typeof path !== 'string' || !path.startsWith('/')
  return (isWhole ? new URL(String(path), base) : new URL(new URL(base).origin + path)).href
}

const nothing = (): undefined => undefined

/** A handler of undici: 6 has the first, 7 either, 8 the second. */
interface Handler {
  onError?: (error: unknown) => void
  onRequestStart?: unknown
  onResponseError?: (controller: unknown, error: unknown) => void
}

/** Reads an answer as it passes. */
interface Watcher {
  answered(status: number, headers: AnswerHeaders): void
  /** The answer is complete, or its connection is the caller's now. */
  ended(): void
  failed(error: unknown): void
}

/** The calls of a handler that are watched. */
const WATCHED: Record<string, (watcher: Watcher, args: unknown[]) => void> = {
  onHeaders: (watcher, [status, headers]) => answered(watcher, status, () => rawHeaders(headers as RawHeaders)),
  onUpgrade: upgraded,
  onComplete: (watcher) => watcher.ended(),
  onError: (watcher, [error]) => watcher.failed(error),
  onResponseStart: (watcher, [, status, headers]) =>
    answered(watcher, status, () => namedHeaders(headers as NamedHeaders)),
  onRequestUpgrade: upgraded,
  onResponseEnd: (watcher) => watcher.ended(),
  onResponseError: (watcher, [, error]) => watcher.failed(error),
}

/** Methods that a handler of the newer shape may lack, and that are watched nevertheless. */
const OPTIONAL: ReadonlySet<unknown> = new Set(['onResponseStart', 'onResponseEnd', 'onResponseError'])

/** Early hints and the like are no answer. */
function answered(watcher: Watcher, status: unknown, headers: () => AnswerHeaders): void {
  if ((status as number) >= 200) watcher.answered(status as number, headers())
}

function upgraded(watcher: Watcher): void {
  watcher.answered(200, { get: nothing })
  watcher.ended()
}

/** The same handler, with a look at what passes. */
function watchAnswer(handler: Handler, watcher: Watcher): Handler {
  return new Proxy(handler, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      const isMethod = typeof value === 'function'
      if (!isMethod && !(OPTIONAL.has(property) && target.onRequestStart !== undefined)) return value
      // Handlers have private fields, which only they themselves can reach.
      const method = isMethod ? (value as (...args: unknown[]) => unknown).bind(target) : nothing
      const watch = Object.hasOwn(WATCHED, property) ? WATCHED[property as string] : undefined
      if (watch === undefined) return method
      return (...args: unknown[]) => {
        watch(watcher, args)
        return method(...args)
      }
    },
  })
}

type RawHeaders = readonly (Buffer | string)[]
type NamedHeaders = Readonly<Record<string, string | string[] | undefined>>

function namedHeaders(headers: NamedHeaders): AnswerHeaders {
  return {
    get(name) {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
  }
}

/** A list of names and values in turns. */
function rawHeaders(headers: RawHeaders): AnswerHeaders {
  const values = new Map<string, string>()
  for (let n = 0; n + 1 < headers.length; n += 2) {
    const name = String(headers[n]).toLowerCase()
    const before = values.get(name)
    values.set(name, before === undefined ? String(headers[n + 1]) : `${before}, ${String(headers[n + 1])}`)
  }
  return { get: (name) => values.get(name) }
}
