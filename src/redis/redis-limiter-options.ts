import {
  clockOption,
  dataIn,
  namesOf,
  numberOption,
  option,
  type ReadOptions,
  readValues,
  wordOption,
} from '../internal/options/options.js'
import { checkKeys, checkNumber, checkSignal, describe } from '../internal/options/validate.js'
import type { ExecuteOptions } from '../internal/policy.js'
import { throwIfAborted, unlessAborted } from '../internal/signal-watch.js'
import type { Clock } from '../internal/time/clock.js'
import { MAX_CAPACITY } from '../memory/keyed/table.js'
import { CONNECT_MS, SERVER_OPTIONS } from './server-options.js'

/** Options of `RedisRateLimiter`. */
export interface RedisRateLimitOptions {
  /** The name of the limit: the same name on the same server is the same limit. Up to 200 characters, none of `:`, `{` and `}`. */
  readonly name: string
  /** > 0, at most ten million, may be fractional. */
  readonly requestsPerSecond: number
  /** Most tokens that can be taken at the same moment, an integer >= 1; default max(1, round(requestsPerSecond)). */
  readonly burstSize?: number | undefined
  /**
   * 'lease': this object, once it is busy, takes some tokens ahead of need and gives them out without asking; 'exact': the server makes each
   * decision. Default 'lease'. Limits by key are always 'exact'.
   */
  readonly mode?: 'lease' | 'exact' | undefined
  /** Most tokens taken ahead, an integer >= 1; never more than a tenth of `burstSize`. Default: as many as come back within 50 ms. */
  readonly leaseSize?: number | undefined
  /** How long the server may take to answer, milliseconds, > 0; default 50. A call waits no longer, unless its event loop is blocked. */
  readonly timeoutMs?: number | undefined
  /** How long the first connection and its first answer may take together, milliseconds, >= 0; default 2000. Calls wait that long, too. */
  readonly connectTimeoutMs?: number | undefined
  /**
   * The rule while the server does not answer. 'local' (default): a limit on this machine, with rate and burst divided by `processes`;
   * 'closed': nothing passes; 'open': everything does.
   */
  readonly onUnavailable?: 'local' | 'closed' | 'open' | undefined
  /** Machines among which the limit is divided while the server is away, an integer >= 1; default 1. */
  readonly processes?: number | undefined
  /** May only be true: the client's own connection is always used. */
  readonly shareConnection?: boolean | undefined
  /** For tests of waiting; default: the monotonic clock. The server counts by its own. */
  readonly clock?: Clock | undefined
}

/** Options of `RedisKeyedRateLimiter`. */
export interface RedisKeyedRateLimitOptions extends RedisRateLimitOptions {
  /**
   * Most keys whose refusals are kept here, and as many whose limits are while the server is away: 1 to 1e8, default 100,000, at 24 bytes each.
   * The server is asked more often about further keys.
   */
  readonly capacity?: number | undefined
}

/** Up to this rate the arithmetic is exact; no server decides so many calls. */
const MOST_PER_SECOND = 1e7
/** The server's numbers stay below 2^53 microseconds, which are 285 years. A bucket may take a hundred years to fill. */
const LONGEST_FILL_MS = 3.15e12
const MAX_NAME = 200

/** A change while the limiter is in use. */
export interface RedisRateLimitChange {
  /** Tokens that come back per second. */
  readonly requestsPerSecond?: number | undefined
  /** Most tokens the bucket holds. */
  readonly burstSize?: number | undefined
}

/** Options of `acquire`. */
export interface RedisAcquireOptions {
  /** Ends the wait; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Refuses a longer wait: immediately if that is known, else when the time is up. In ms, >= 0; default Infinity. The time for an answer of the
   * server, at most `timeoutMs`, comes on top: even with 0, available tokens are taken.
   */
  readonly maxWaitMs?: number | undefined
}

/** @throws {TypeError | RangeError} naming the option that is wrong */
export function completeAcquireOptions(
  options: RedisAcquireOptions,
): Pick<RedisAcquireOptions, 'signal'> & { readonly maxWaitMs: number } {
  checkKeys('acquire', options, ['signal', 'maxWaitMs'])
  const { maxWaitMs = Infinity } = options
  checkNumber('maxWaitMs', maxWaitMs, { min: 0, allowInfinity: true })
  return { maxWaitMs, signal: checkSignal('signal', options.signal) }
}

/** The signal among the options of `what`, if any. @throws {TypeError} if it is no signal, and for other options */
export function signalIn(what: string, options: ExecuteOptions | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined
  checkKeys(what, options, ['signal'])
  return checkSignal('signal', options.signal)
}

/** Does `work` unless the signal is aborted already; an abort later ends the wait for it. */
export async function underSignal<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  throwIfAborted(signal)
  return unlessAborted(work(), signal)
}

/** Tokens that come back per second, and most tokens that a bucket holds. */
export interface Rate {
  readonly requestsPerSecond: number
  readonly burstSize: number
}

/** Checks rate and burst; the default burst follows from the rate. */
export function checkRate(requestsPerSecond: number, burst: number | undefined): Rate {
  const perSecond = checkNumber('requestsPerSecond', requestsPerSecond, {
    min: 0,
    exclusiveMin: true,
    max: MOST_PER_SECOND,
  })
  const burstSize = burst === undefined ? Math.max(1, Math.round(perSecond)) : burst
  checkNumber('burstSize', burstSize, { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true })
  const fillMs = (burstSize / perSecond) * 1000
  if (fillMs > LONGEST_FILL_MS) {
    throw new RangeError(
      `burstSize / requestsPerSecond must be <= ${LONGEST_FILL_MS / 1000} s, in which the bucket fills; received ${fillMs / 1000}`,
    )
  }
  return { requestsPerSecond: perSecond, burstSize }
}

/** The options of every limit over Redis. */
export const LIMIT_OPTIONS = {
  name: option('data', checkName),
  connectTimeoutMs: numberOption({ min: 0 }, CONNECT_MS),
  ...SERVER_OPTIONS,
  clock: clockOption,
}

const OPTIONS = {
  ...LIMIT_OPTIONS,
  mode: wordOption(['lease', 'exact'], 'lease'),
  leaseSize: numberOption({ min: 1, max: Number.MAX_SAFE_INTEGER, integer: true, allowInfinity: true }, Infinity),
}

type Complete<T> = ReadOptions<T> & Rate

/** Options with their defaults filled in; only those of a limiter by key have a capacity. */
export type CompleteRedisOptions = Complete<typeof OPTIONS> & { readonly capacity?: number }

const KEYED_OPTIONS = { ...OPTIONS, capacity: numberOption({ min: 1, max: MAX_CAPACITY, integer: true }, 100_000) }

/** The same for a limiter by key. The server makes each decision, because leases by key saved few round trips. */
export function completeKeyedRedisOptions(options: RedisKeyedRateLimitOptions): Complete<typeof KEYED_OPTIONS> {
  return { ...complete('RedisKeyedRateLimiter', options, KEYED_OPTIONS), mode: 'exact' }
}

/** The options that travel to another thread, without rate and burst. */
export function travelling(options: CompleteRedisOptions): RedisKeyedRateLimitOptions {
  return dataIn(options, KEYED_OPTIONS) as unknown as RedisKeyedRateLimitOptions
}

/** Checks options and fills in the defaults. @throws {TypeError | RangeError} naming the option that is wrong */
export function completeRedisOptions(options: RedisRateLimitOptions): CompleteRedisOptions {
  return complete('RedisRateLimiter', options, OPTIONS)
}

function complete<T extends typeof OPTIONS>(who: string, options: RedisRateLimitOptions, table: T): Complete<T> {
  checkKeys(who, options, [...namesOf(table), 'requestsPerSecond', 'burstSize'])
  return { ...readValues(options, table), ...checkRate(options.requestsPerSecond, options.burstSize) }
}

function checkName(option: string, name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`${option} must be a string; received ${describe(name)}`)
  if (name.length < 1 || name.length > MAX_NAME)
    throw new RangeError(`${option} must have 1 to ${MAX_NAME} characters; received ${name.length}`)
  if (/[:{}]/.test(name))
    throw new RangeError(
      `${option} must hold none of ':', '{' and '}', which make up the server's key; received ${describe(name)}`,
    )
  return name
}
