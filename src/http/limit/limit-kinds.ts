import {
  functionOption,
  numberOption,
  option,
  optionalNumber,
  type OptionTable,
  readValues,
} from '../../internal/options/options.js'
import { checkKeys, checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { MAX_BURST, MAX_RATE } from '../../memory/shared/rate.js'

/** A number, or a function of the request, which may give a promise. */
export type RequestNumber<Request> = number | ((request: Request) => number | PromiseLike<number>)

/** The cost of a request: a number >= 0, 0 for nothing. */
export type RequestCost<Request> = RequestNumber<Request>

/** The result of a limit's own `key`: null for no limit; undefined, as for a user who has not logged in, counts by the address. */
export type RequestKey = Key | null | undefined

/** Options of every kind of limit. */
export interface LimitKeyOptions<Request> {
  /** Whose request it is for this limit; default: the `key` beside `limits`. webLimit gives it what the handler gets. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what else a handler gets is known to webLimit alone
  key?: ((request: Request, ...rest: any[]) => RequestKey | PromiseLike<RequestKey>) | undefined
}

/** A limit as a token bucket: so much at once, and so much per second. No edge of a window lets twice as much through. */
export interface BucketLimitOptions<Request> extends LimitKeyOptions<Request> {
  /** How much comes back per second: > 0 and at most 1e15. */
  requestsPerSecond: number
  /** The most at once: >= 1 and at most 1e15; default max(1, round(requestsPerSecond)). */
  burstSize?: number | undefined
  /** The cost of a request; default 1. One that costs more than `burstSize` is refused. */
  cost?: RequestCost<Request> | undefined
}

/** A limit as a window, which starts at a key's first request. */
export interface WindowLimitOptions<Request> extends LimitKeyOptions<Request> {
  /** How much in a window: an integer from 1 to 1,048,574, or a function of the request, such as by its user's plan; 0 of it admits none. */
  max: RequestNumber<Request>
  /** How long a window lasts, in ms: > 0, at most 8.7 years. */
  windowMs: number
  /** After so many refusals within one `windowMs` the key is blocked for one `windowMs`, with status 403. An integer >= 1; default never. */
  banAfter?: number | undefined
  /** The cost of a request, an integer; default 1. */
  cost?: RequestCost<Request> | undefined
}

/** A limit of requests under way: so many of a key at once. */
export interface ConcurrentLimitOptions<Request> extends LimitKeyOptions<Request> {
  /**
   * How many requests of a key may be under way: an integer from 1 to 1,000. One has ended when its answer has, or its client is gone. With a
   * `name`, those of a process that dies are free after 10 s.
   */
  maxConcurrent: number
}

/** One limit: a rate, a window, or requests under way. */
export type HttpLimit<Request> =
  BucketLimitOptions<Request> | WindowLimitOptions<Request> | ConcurrentLimitOptions<Request>

/** The options of a single limit, which needs no name: answers call it 'default'. */
export type SingleLimitOptions<Request> = Partial<
  Omit<BucketLimitOptions<Request> & WindowLimitOptions<Request> & ConcurrentLimitOptions<Request>, 'key'>
>

/** A limit whose options are complete. */
type Complete<Kind, Request, Options extends LimitKeyOptions<Request>> = LimitKeyOptions<Request> & {
  readonly [Name in Exclude<keyof Options, 'key'>]-?: Exclude<Options[Name], undefined>
} & { readonly kind: Kind; readonly name: string }

export type CompleteBucketLimit<Request> = Complete<'bucket', Request, BucketLimitOptions<Request>>
/** `banAfter` is Infinity for never. */
export type CompleteWindowLimit<Request> = Complete<'window', Request, WindowLimitOptions<Request>>
export type CompleteConcurrentLimit<Request> = Complete<'concurrent', Request, ConcurrentLimitOptions<Request>>
export type CompleteLimit<Request> =
  CompleteBucketLimit<Request> | CompleteWindowLimit<Request> | CompleteConcurrentLimit<Request>

/** The options by which the kind of a limit is known. */
export const KINDS = ['requestsPerSecond', 'max', 'maxConcurrent'] as const
/** The options of a single limit. */
export const SINGLE: readonly string[] = [...KINDS, 'burstSize', 'windowMs', 'banAfter', 'cost']

/** Which of these names have a value. */
export const given = (options: object, names: readonly string[]): string[] =>
  names.filter((name) => Reflect.get(options, name) !== undefined)

/** The limits of options, checked; or their single one. */
export function limitsOf(what: string, options: object, limits: unknown): CompleteLimit<never>[] {
  const single = given(options, SINGLE)
  if (single.length === 0) return checkLimits(limits)
  if (limits !== undefined)
    throw new TypeError(
      `${what} takes limits, or the options of a single limit; received limits and ${single.join(', ')}`,
    )
  const own = Object.fromEntries(single.map((name) => [name, Reflect.get(options, name) as unknown]))
  return [checkLimit('default', own as unknown as HttpLimit<never>, what, '')]
}

function checkLimits(given: unknown): CompleteLimit<never>[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(
      `limits must be an object that holds each limit by its name, such as { burst: { requestsPerSecond: 5 } }; received ${describe(given)}`,
    )
  const limits = Object.entries(given as Readonly<Record<string, HttpLimit<never>>>)
  if (limits.length === 0) throw new TypeError('limits must hold at least one limit; received none')
  return limits.map(([name, limit]) => {
    if (!/^[ -~]+$/.test(name))
      throw new TypeError(`the name of a limit must be printable ASCII; received ${describe(name)}`)
    // Each answer has the names twice, and clients read up to 1 KB of a field.
    if (name.length > 64)
      throw new RangeError(
        `limits must have names of at most 64 characters; received ${describe(name)} with ${name.length}`,
      )
    return checkLimit(name, limit, `limits.${name}`, `limits.${name}.`)
  })
}

/** @param at - names the limit in messages @param prefix - of the names of its options there */
function checkLimit(name: string, limit: HttpLimit<never>, at: string, prefix: string): CompleteLimit<never> {
  const own: unknown = limit
  if (typeof own !== 'object' || own === null)
    throw new TypeError(
      `${at} must be a limit, as in limits: { burst: { requestsPerSecond: 5 } }; received ${describe(own)}`,
    )
  const kinds = KINDS.filter((kind) => kind in own)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1)
    throw new TypeError(
      `${at} must have requestsPerSecond, max with windowMs, or maxConcurrent; received ${(kind === undefined ? Object.keys(own) : kinds).join(', ') || 'none'}`,
    )
  checkKeys(at, own, Object.keys(TABLES[kind]))
  if (kind === 'maxConcurrent') return { kind: 'concurrent', name, ...readValues(own, CONCURRENT_OPTIONS, prefix) }
  if (kind === 'max') {
    const window = readValues(own, WINDOW_OPTIONS, prefix)
    checkCost(prefix, window.cost, window.max, true)
    return { kind: 'window', name, ...window }
  }
  const { burstSize: wanted, ...bucket } = readValues(own, BUCKET_OPTIONS, prefix)
  const burstSize = wanted ?? Math.max(1, Math.round(bucket.requestsPerSecond))
  checkCost(prefix, bucket.cost, burstSize, false)
  return { kind: 'bucket', name, ...bucket, burstSize }
}

/** One that is always the same and more than the limit would have every request refused. */
function checkCost(prefix: string, cost: unknown, max: unknown, integer: boolean): void {
  if (typeof cost === 'number' && typeof max === 'number') checkNumber(`${prefix}cost`, cost, { min: 0, max, integer })
}

/** A number of this range, or a function of the request. */
function numberOrFunction(name: string, value: unknown, range: NumberRange): RequestNumber<never> {
  return typeof value === 'function' ? (value as (request: never) => number) : checkNumber(name, value, range)
}

const BUCKET_OPTIONS = {
  key: functionOption<(request: never) => RequestKey>(),
  requestsPerSecond: numberOption({ min: 0, exclusiveMin: true, max: MAX_RATE }),
  burstSize: optionalNumber({ min: 1, max: MAX_BURST }),
  cost: option('here', (name, value = 1) => numberOrFunction(name, value, { min: 0 })),
} satisfies OptionTable<BucketLimitOptions<never>>

const COUNTS = { min: 1, max: WINDOW.mostCount - 1, integer: true }

const WINDOW_OPTIONS = {
  key: functionOption<(request: never) => RequestKey>(),
  max: option('here', (name, value) => numberOrFunction(name, value, COUNTS)),
  windowMs: numberOption({ min: 0, exclusiveMin: true, max: WINDOW.mostMs }),
  banAfter: option('here', (name, value) => (value === undefined ? Infinity : checkNumber(name, value, COUNTS))),
  cost: option('here', (name, value = 1) => numberOrFunction(name, value, { ...COUNTS, min: 0 })),
} satisfies OptionTable<WindowLimitOptions<never>>

const CONCURRENT_OPTIONS = {
  key: functionOption<(request: never) => RequestKey>(),
  maxConcurrent: numberOption({ min: 1, max: 1000, integer: true }),
} satisfies OptionTable<ConcurrentLimitOptions<never>>

const TABLES = { requestsPerSecond: BUCKET_OPTIONS, max: WINDOW_OPTIONS, maxConcurrent: CONCURRENT_OPTIONS }
