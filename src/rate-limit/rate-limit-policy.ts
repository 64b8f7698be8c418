import { checkClock, checkOptionalFunction, checkSharedName } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { MAX_BURST, MAX_RATE } from '../internal/rate.js'
import { checkBoolean, checkKeys, checkNumber } from '../internal/validate.js'

/** How often something may happen. */
export interface RateLimitPolicy {
  /** Tokens that come back per second: > 0 and at most 1e15, may be fractional (0.5 is one every 2 s). Default 10. */
  requestsPerSecond: number
  /** Most tokens the bucket holds, so the most that can happen at once: >= 1 and at most 1e15. Default max(1, round(requestsPerSecond)). */
  burstSize?: number | undefined
  /** Whether `acquire()` waits for its tokens (default), or rejects with `RateLimitExceeded` when they are not there. */
  waitOnLimit?: boolean | undefined
  /** Called when a caller has to wait, with the expected wait in ms. What it throws is a process warning, nothing more. */
  onWait?: ((waitMs: number) => void) | undefined
  /** A longer wait is refused at once and consumes nothing. In ms, >= 0; default Infinity. */
  maxWaitMs?: number | undefined
  /** Most waiters at once in this thread; one more is refused. An integer >= 0; default Infinity. */
  maxQueue?: number | undefined
  /**
   * The same name means the same bucket, for everybody within `scope`; on a clock of yours, in this thread. Up to 200 characters; in scope
   * 'machine' without slash and NUL.
   */
  name?: string | undefined
  /** Who shares a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: 'process' | 'machine' | undefined
  /**
   * Decides and counts as ever, and holds nobody up: what the limit would refuse, or have wait, goes on at once, consumes nothing and counts as
   * `denied`. To try a limit out on real callers. Default false.
   */
  dryRun?: boolean | undefined
  /** The source of time, for tests. Default: the system's monotonic clock. */
  clock?: Clock | undefined
}

const KEYS = [
  'requestsPerSecond',
  'burstSize',
  'waitOnLimit',
  'onWait',
  'maxWaitMs',
  'maxQueue',
  'name',
  'scope',
  'dryRun',
  'clock',
] as const satisfies (keyof RateLimitPolicy)[]

/** Every option of {@link RateLimitPolicy}, for functions that accept it beside their own. */
export const RATE_LIMIT_OPTIONS: readonly string[] = KEYS

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
  readonly clock: Clock
}

/** Returns `rate` if it is one. @throws {TypeError | RangeError} otherwise */
export function checkRate(rate: unknown): number {
  return checkNumber('requestsPerSecond', rate, { min: 0, exclusiveMin: true, max: MAX_RATE })
}

/** Returns `burst` if it is one. @throws {TypeError | RangeError} otherwise */
export function checkBurst(burst: unknown): number {
  return checkNumber('burstSize', burst, { min: 1, max: MAX_BURST })
}

/** Checks a policy and fills in the defaults. @throws {TypeError | RangeError} naming the option that is wrong */
export function completePolicy(policy: Partial<RateLimitPolicy>): CompletePolicy {
  checkKeys('RateLimiter', policy, KEYS)
  return completeValues(policy)
}

/** The same for options whose keys have been checked, with those of something else among them. */
export function completeValues(policy: Partial<RateLimitPolicy>): CompletePolicy {
  const {
    requestsPerSecond: asked = 10,
    waitOnLimit: waits = true,
    maxWaitMs: longest = Infinity,
    maxQueue: most = Infinity,
    dryRun: isDry = false,
    clock: source = systemClock,
  } = policy
  const requestsPerSecond = checkRate(asked)
  const { burstSize: burst = Math.max(1, Math.round(requestsPerSecond)) } = policy
  const burstSize = checkBurst(burst)
  const waitOnLimit = checkBoolean('waitOnLimit', waits)
  const onWait = checkOptionalFunction('onWait', policy.onWait)
  const maxWaitMs = checkNumber('maxWaitMs', longest, { min: 0, allowInfinity: true })
  const maxQueue = checkNumber('maxQueue', most, { min: 0, integer: true, allowInfinity: true })
  const { name, scope } = checkSharedName(policy.name, policy.scope)
  const dryRun = checkBoolean('dryRun', isDry)
  const clock = checkClock('clock', source)
  return {
    requestsPerSecond,
    burstSize,
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
