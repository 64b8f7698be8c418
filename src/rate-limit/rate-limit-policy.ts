import { checkSharedName } from '../internal/options/check-common.js'
import {
  booleanOption,
  clockOption,
  functionOption,
  numberOption,
  optionalNumber,
  type OptionTable,
  rawOption,
  readOptions,
  type ReadOptions,
} from '../internal/options/options.js'
import { checkNumber, describe } from '../internal/options/validate.js'
import { isPolicy } from '../internal/policy.js'
import type { Clock } from '../internal/time/clock.js'
import { MAX_BURST, MAX_RATE } from '../memory/shared/rate.js'
import type { CellAddress, SharedBuffer } from '../memory/shared/region.js'
import { LEASE_SIZE } from './lease.js'

/** How often something may happen. */
export interface RateLimitPolicy {
  /** Tokens that come back per second: > 0 and at most 1e15, may be fractional (0.5 is one every 2 s). Default 10. */
  requestsPerSecond: number
  /** Most tokens that the bucket holds, so the most calls at once: >= 1 and at most 1e15. Default max(1, round(requestsPerSecond)). */
  burstSize?: number | undefined
  /** Whether `acquire()` waits for its tokens (default), or rejects with `RateLimitExceeded` when they are not there. */
  waitOnLimit?: boolean | undefined
  /** Called when a caller has to wait, with the expected wait in ms. If it throws, there is a process warning, and nothing else happens. */
  onWait?: ((waitMs: number) => void) | undefined
  /** A longer wait is refused at once and consumes nothing. In ms, >= 0; default Infinity. */
  maxWaitMs?: number | undefined
  /** Most callers that wait on this object at once; further ones are refused. An integer >= 0; default Infinity. */
  maxQueue?: number | undefined
  /**
   * The same name means the same bucket within `scope`, or within this thread if you give a `clock`. Up to 200 characters; in scope
   * 'machine' without slash and NUL.
   */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: 'process' | 'machine' | undefined
  /**
   * Decides and counts as usual, but refuses and delays nobody: a call that the limit would refuse or delay is admitted at once, consumes
   * nothing and counts as `denied`. Use it to try a limit out on real callers. Default false.
   */
  dryRun?: boolean | undefined
  /**
   * Makes `tryAcquire` decide from a {@link Lease}: this object takes so many tokens at a time, an integer from 1 to 1e9, and hands them
   * out without shared memory. Each such object, so each thread that has one, adds as many to the bound. Default: no lease.
   */
  leaseSize?: number | undefined
  /** The source of time, for tests. Default: the system's monotonic clock. */
  clock?: Clock | undefined
}

/** A {@link RateLimitPolicy} in which every option may be left out, or be undefined. */
export type RateLimitOptions = { [K in keyof RateLimitPolicy]?: RateLimitPolicy[K] | undefined }

const RATE = { min: 0, exclusiveMin: true, max: MAX_RATE } as const
const BURST = { min: 1, max: MAX_BURST } as const

/** The options that a limit by key also has. */
export const COMMON_OPTIONS = {
  requestsPerSecond: numberOption(RATE, 10),
  burstSize: optionalNumber(BURST),
  waitOnLimit: booleanOption(true),
  onWait: functionOption<(waitMs: number) => void>(),
  maxWaitMs: numberOption({ min: 0, allowInfinity: true }, Infinity),
  maxQueue: numberOption({ min: 0, integer: true, allowInfinity: true }, Infinity),
  name: rawOption<string>(),
  scope: rawOption<'process' | 'machine'>(),
  dryRun: booleanOption(false),
  clock: clockOption,
} as const satisfies OptionTable<Omit<RateLimitPolicy, 'leaseSize'>>

/** Every option of {@link RateLimitPolicy}. */
export const RATE_LIMIT_OPTIONS = {
  ...COMMON_OPTIONS,
  leaseSize: optionalNumber(LEASE_SIZE),
} as const satisfies OptionTable<RateLimitPolicy>

/**
 * The form in which a limiter is sent: by `workerData`, `postMessage` or `setEnvironmentData`. `RateLimiter.from` turns it back
 * into a limiter that shares the bucket.
 */
export interface RateLimiterHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.RateLimiter'
  /** The options that are data; functions stay where they are. */
  readonly policy: Omit<RateLimitPolicy, 'onWait' | 'clock'>
  /** The memory of a limiter without a name. */
  readonly buffer?: SharedBuffer
  /** The limiter's first cell in `buffer`. */
  readonly cell?: number
  /** The memory in which callers that wait in different threads see each other; given together with `buffer`. */
  readonly waiters?: CellAddress
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

/** A policy with every default filled in. */
export interface CompletePolicy {
  readonly requestsPerSecond: number
  readonly burstSize: number
  readonly waitOnLimit: boolean
  readonly onWait?: (waitMs: number) => void
  readonly maxWaitMs: number
  readonly maxQueue: number
  readonly name?: string
  readonly scope: 'process' | 'machine'
  readonly dryRun: boolean
  readonly leaseSize?: number
  readonly clock: Clock
}

/** Returns `rate` if it is a valid rate. @throws {TypeError | RangeError} otherwise */
export function checkRate(rate: unknown): number {
  return checkNumber('requestsPerSecond', rate, RATE)
}

/** Returns `burst` if it is a valid burst. @throws {TypeError | RangeError} otherwise */
export function checkBurst(burst: unknown): number {
  return checkNumber('burstSize', burst, BURST)
}

/**
 * Refuses a limiter that is given instead of options. Its state is private, so it would pass for empty options.
 *
 * @throws {TypeError} with a message that says where such a limiter belongs
 */
export function checkNoLimiter(what: string, given: unknown): void {
  const { acquire } = Object(given) as { acquire?: unknown }
  if (typeof acquire !== 'function' && !isPolicy(given)) return
  throw new TypeError(
    `${what} options must not be a limiter or a policy of another kind; received ${describe(given)}: give a limiter by key to withRateLimit({ keyed, limiter }), put a policy into pipeline(), and await acquire() of RateLimiter.all() before the call`,
  )
}

/** Checks a policy and fills in the defaults. @throws {TypeError | RangeError} naming the option that is wrong */
export function completePolicy(policy: RateLimitOptions): CompletePolicy {
  checkNoLimiter('RateLimiter', policy)
  const { leaseSize, ...common } = readOptions('RateLimiter', policy, RATE_LIMIT_OPTIONS)
  return { ...completeValues(common), ...(leaseSize === undefined ? {} : { leaseSize }) }
}

/** Adds the defaults that depend on several options. */
export function completeValues(read: ReadOptions<typeof COMMON_OPTIONS>): CompletePolicy {
  const { requestsPerSecond, waitOnLimit, maxWaitMs, maxQueue, dryRun, clock, onWait } = read
  const { name, scope } = checkSharedName(read.name, read.scope)
  return {
    requestsPerSecond,
    burstSize: read.burstSize ?? Math.max(1, Math.round(requestsPerSecond)),
    waitOnLimit,
    maxWaitMs,
    maxQueue,
    scope,
    dryRun,
    clock,
    ...(onWait === undefined ? {} : { onWait }),
    ...(name === null ? {} : { name }),
  }
}
