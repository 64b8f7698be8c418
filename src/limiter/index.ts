/**
 * Only the rate limits of `amorsize`, for programs that start often or need nothing else: the entry `amorsize/limiter`.
 *
 * @module
 */
export {
  AmorsizeError,
  type AmorsizeErrorCode,
  RateLimitExceeded,
  SharedMemoryError,
  type SharedMemoryReason,
} from '../errors.js'
export type { AnyFunction, ExecuteOptions, PolicyFunction, RateLimiting, Wrapped } from '../internal/policy.js'
export type { Clock } from '../internal/time/clock.js'
export type { Key } from '../memory/keyed/key.js'
export type { NameScope } from '../memory/shared/names.js'
export type { CellAddress, SharedBuffer } from '../memory/shared/region.js'
export type { WasmMemory } from '../memory/wasm/heap.js'
export { KeyedRateLimiter, type KeyedRateLimiterStats } from '../rate-limit/keyed/keyed-rate-limiter.js'
export {
  type HitOptions,
  KeyedWindow,
  type KeyedWindowHandle,
  type KeyedWindowOptions,
  type WindowResult,
} from '../rate-limit/keyed/keyed-window.js'
export type { CompleteKeyedPolicy, KeyedRateLimiterHandle, KeyedRateLimitPolicy } from '../rate-limit/keyed/policy.js'
export { Lease, type LeaseOptions } from '../rate-limit/lease.js'
export type { AcquireOptions, RateLimiterStats, Reservation } from '../rate-limit/limiter-types.js'
export type {
  CompletePolicy,
  RateLimiterHandle,
  RateLimitOptions,
  RateLimitPolicy,
} from '../rate-limit/rate-limit-policy.js'
export { type KeyedNames, RateLimiter, type SeveralLimits } from '../rate-limit/rate-limiter.js'
export { type Costs, type KeyedCost, type Permit, RateLimiterAll } from '../rate-limit/rate-limiter-all.js'
