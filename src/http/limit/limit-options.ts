import {
  booleanOption,
  clockOption,
  functionOption,
  namesOf,
  numberOption,
  option,
  optionalNumber,
  type OptionTable,
  rawOption,
  type ReadOptions,
  readValues,
  wordOption,
} from '../../internal/options/options.js'
import { checkKeys, checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import type { Key } from '../../memory/keyed/key.js'
import { MAX_CAPACITY } from '../../memory/keyed/table.js'
import { WINDOW } from '../../memory/shared/layout.js'
import type { NameScope } from '../../memory/shared/names.js'
import { MAX_BURST, MAX_RATE } from '../../memory/shared/rate.js'
import { checkEncodedName } from '../encoded-name.js'
import { allowList } from './allow-list.js'
import { DEFAULT_IPV6_PREFIX } from './ip-key.js'
import { RATE_HEADERS, type RateHeaders } from './rate-headers.js'

/** What a request costs: a number >= 0, 0 for nothing. */
export type RequestCost<Request> = number | ((request: Request) => number)

/** A limit as a token bucket: so much at once, and so much per second. No edge of a window lets twice as much through. */
export interface BucketLimitOptions<Request> {
  /** How much comes back per second: > 0 and at most 1e15. */
  requestsPerSecond: number
  /** The most at once: >= 1 and at most 1e15; default max(1, round(requestsPerSecond)). */
  burstSize?: number | undefined
  /** What a request costs; default 1. One that costs more than `burstSize` is refused. */
  cost?: RequestCost<Request> | undefined
}

/** A limit as a window, which starts at a key's first request. */
export interface WindowLimitOptions<Request> {
  /** How much in a window: an integer from 1 to 1,048,574, or a function of the request, such as by its user's plan; 0 of it admits none. */
  max: number | ((request: Request) => number)
  /** How long a window lasts, in ms: > 0, at most 8.7 years. */
  windowMs: number
  /** After so many refusals within one `windowMs` the key is blocked for one `windowMs`, with status 403. An integer >= 1; default never. */
  banAfter?: number | undefined
  /** What a request costs, an integer; default 1. */
  cost?: RequestCost<Request> | undefined
}

/** One limit: a rate or a window. */
export type HttpLimit<Request> = BucketLimitOptions<Request> | WindowLimitOptions<Request>

/** What the limits of a server are made with, whatever its framework. */
export interface HttpLimitOptions<Request> {
  /** The limits by name, at least one. What one refuses is charged in none of them. A name is printable ASCII, at most 64 characters; headers tell it. */
  limits: Readonly<Record<string, HttpLimit<Request>>>
  /**
   * Same name, same counts: in every thread of the process, or with `scope: 'machine'` in every process of this user, such as the workers
   * of a cluster. Any characters. Without one, the counts are this object's alone.
   */
  name?: string | undefined
  /** Who shares a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** How many keys each limit counts at the same time. An integer from 1 to 1e8, at 24 bytes per key, taken at once; default 100,000. */
  capacity?: number | undefined
  /** A new key that finds no room: 'evict' (default) forgets another, those refused or banned last; 'deny' refuses the new one. */
  onFull?: 'evict' | 'deny' | undefined
  /** Whose request it is; null: it is not limited, so give none that a client can bring about. Default: the address, as {@link ipKey} gives it. */
  key?: ((request: Request) => Key | null) | undefined
  /** How many bits of an IPv6 address make the default key; an integer from 1 to 128, default 56. */
  ipv6Prefix?: number | undefined
  /** Addresses and networks (`10.0.0.0/8`) that are not limited. */
  allow?: readonly string[] | undefined
  /** Requests for which this is true are not limited. */
  skip?: ((request: Request) => boolean) | undefined
  /**
   * Whether a request counts, asked once its status is known (499 if the client went before header fields were sent): one for which this is
   * false is given back. With `(req, status) => status >= 400` only failed logins count, and attempts that are cut.
   */
  countIf?: ((request: Request, status: number) => boolean) | undefined
  /** Which header fields tell the client where it stands; default 'draft-10'. */
  headers?: RateHeaders | undefined
  /** When they are sent: 'always' (default), with 'low' once less than a quarter of any limit is left, or 'refused'. */
  headersWhen?: 'always' | 'low' | 'refused' | undefined
  /** Decides and counts, and refuses nothing; sends no headers. Default false. */
  dryRun?: boolean | undefined
  /** The status of a refusal; an integer from 400 to 599, default 429. A ban answers 403. */
  statusCode?: number | undefined
  /**
   * If shared memory fails: 'open' (default) admits the request, 'closed' fails it with that error. If `key`, `cost`, `max` or `skip` throws, or
   * gives what is none (a promise), 'open' charges its address, 1 in the place of a cost that failed. A process warning tells the first time.
   */
  onError?: 'open' | 'closed' | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

export interface CompleteBucketLimit<Request> {
  readonly kind: 'bucket'
  readonly name: string
  readonly requestsPerSecond: number
  readonly burstSize: number
  readonly cost: RequestCost<Request>
}

export interface CompleteWindowLimit<Request> {
  readonly kind: 'window'
  readonly name: string
  readonly max: number | ((request: Request) => number)
  readonly windowMs: number
  readonly banAfter: number | null
  readonly cost: RequestCost<Request>
}

const OPTIONS = {
  limits: option('here', (_, value) => checkLimits(value)),
  // Checked together.
  name: rawOption<string>(),
  scope: rawOption<NameScope>(),
  capacity: numberOption({ min: 1, max: MAX_CAPACITY, integer: true }, 100_000),
  onFull: wordOption(['evict', 'deny'], 'evict'),
  key: functionOption(),
  ipv6Prefix: numberOption({ min: 1, max: 128, integer: true }, DEFAULT_IPV6_PREFIX),
  allow: option('here', (_, value) => (value === undefined ? undefined : allowList(value as readonly string[]))),
  skip: functionOption(),
  countIf: functionOption(),
  headers: wordOption(RATE_HEADERS, 'draft-10'),
  headersWhen: wordOption(['always', 'low', 'refused'], 'always'),
  dryRun: booleanOption(false),
  statusCode: numberOption({ min: 400, max: 599, integer: true }, 429),
  onError: wordOption(['open', 'closed'], 'open'),
  clock: clockOption,
} satisfies OptionTable<HttpLimitOptions<never>>

/** {@link HttpLimitOptions} checked, with every default filled in. */
export interface CompleteLimitOptions<Request>
  extends
    Omit<ReadOptions<typeof OPTIONS>, 'limits' | 'name' | 'scope' | 'key' | 'skip' | 'countIf'>,
    Pick<HttpLimitOptions<Request>, 'skip' | 'countIf'> {
  readonly limits: readonly (CompleteBucketLimit<Request> | CompleteWindowLimit<Request>)[]
  readonly name: string | null
  readonly scope: NameScope
  readonly key: ((request: Request, ...rest: readonly unknown[]) => Key | null) | undefined
}

/** Every option of {@link HttpLimitOptions}. */
export const LIMIT_OPTIONS: readonly string[] = namesOf(OPTIONS)

/**
 * Checks options and fills in the defaults.
 *
 * @param what - whose they are, for the message
 * @param more - the names of options that the caller checks itself
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function completeLimitOptions<Request>(
  what: string,
  options: HttpLimitOptions<Request>,
  more: readonly string[],
): CompleteLimitOptions<Request> {
  checkKeys(what, options, [...LIMIT_OPTIONS, ...more])
  const read = readValues(options, OPTIONS)
  const complete = { ...read, ...checkEncodedName(read.name, read.scope) }
  return complete as unknown as CompleteLimitOptions<Request>
}

function checkLimits(given: unknown): (CompleteBucketLimit<never> | CompleteWindowLimit<never>)[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(
      `limits must be an object that holds each limit by its name, such as { burst: { requestsPerSecond: 5 } }; received ${describe(given)}`,
    )
  const limits = Object.entries(given as Readonly<Record<string, HttpLimit<never>>>)
  if (limits.length === 0) throw new TypeError('limits must hold at least one limit; received none')
  return limits.map(([name, limit]) => {
    if (!/^[ -~]+$/.test(name))
      throw new TypeError(`the name of a limit must be printable ASCII; received ${describe(name)}`)
    // Each answer tells the names twice, and clients read a field up to 1 KB.
    if (name.length > 64)
      throw new RangeError(
        `limits must have names of at most 64 characters; received ${describe(name)} with ${name.length}`,
      )
    return checkLimit(name, limit)
  })
}

function checkLimit(name: string, limit: HttpLimit<never>): CompleteBucketLimit<never> | CompleteWindowLimit<never> {
  const at = `limits.${name}`
  const given: unknown = limit
  if (typeof given !== 'object' || given === null)
    throw new TypeError(
      `${at} must be a limit, as in limits: { burst: { requestsPerSecond: 5 } }; received ${describe(given)}`,
    )
  const hasRate = 'requestsPerSecond' in given
  if (hasRate === 'max' in given)
    throw new TypeError(
      `${at} must have either requestsPerSecond or max with windowMs; received ${hasRate ? 'both' : Object.keys(given).join(', ') || 'neither'}`,
    )
  const table = hasRate ? BUCKET_OPTIONS : WINDOW_OPTIONS
  checkKeys(at, limit, Object.keys(table))
  if (!hasRate) {
    const window = readValues(limit, WINDOW_OPTIONS, `${at}.`)
    checkCost(at, window.cost, window.max, true)
    return { kind: 'window', name, ...window }
  }
  const { burstSize: wanted, ...bucket } = readValues(limit, BUCKET_OPTIONS, `${at}.`)
  const burstSize = wanted ?? Math.max(1, Math.round(bucket.requestsPerSecond))
  checkCost(at, bucket.cost, burstSize, false)
  return { kind: 'bucket', name, ...bucket, burstSize }
}

/** One that is always the same and more than the limit would have every request refused. */
function checkCost(at: string, cost: unknown, max: unknown, integer: boolean): void {
  if (typeof cost === 'number' && typeof max === 'number') checkNumber(`${at}.cost`, cost, { min: 0, max, integer })
}

/** A number of this range, or a function of the request. */
function numberOrFunction(name: string, value: unknown, range: NumberRange): number | ((request: never) => number) {
  return typeof value === 'function' ? (value as (request: never) => number) : checkNumber(name, value, range)
}

const BUCKET_OPTIONS = {
  requestsPerSecond: numberOption({ min: 0, exclusiveMin: true, max: MAX_RATE }),
  burstSize: optionalNumber({ min: 1, max: MAX_BURST }),
  cost: option('here', (name, value = 1) => numberOrFunction(name, value, { min: 0 })),
} satisfies OptionTable<BucketLimitOptions<never>>

const COUNTS = { min: 1, max: WINDOW.mostCount - 1, integer: true }

const WINDOW_OPTIONS = {
  max: option('here', (name, value) => numberOrFunction(name, value, COUNTS)),
  windowMs: numberOption({ min: 0, exclusiveMin: true, max: WINDOW.mostMs }),
  banAfter: option('here', (name, value) => (value === undefined ? null : checkNumber(name, value, COUNTS))),
  cost: option('here', (name, value = 1) => numberOrFunction(name, value, { ...COUNTS, min: 0 })),
} satisfies OptionTable<WindowLimitOptions<never>>
