/**
 * Limits, policies and parallel execution: the entry `amorsize`.
 *
 * @module amorsize
 */
export * from './limiter/index.js'
export {
  BulkheadRejectedError,
  CircuitOpenError,
  ExecutionError,
  RetryExhaustedError,
  TaskNotTransferableError,
  TimeoutExceededError,
  WorkerCrashedError,
} from './errors.js'
export type {
  AttemptContext,
  ExistingPolicy,
  PriorityOptions,
  Policy,
  PolicyContext,
  ReturnsPromise,
} from './internal/policy.js'
export type {
  DecoratorForms,
  Guard,
  GuardFactory,
  GuardMaker,
  MustReturnPromise,
  WrapperForm,
} from './decorators/guard.js'
export type { DurationSummary } from './internal/events/histogram.js'
export { withCircuitBreaker } from './decorators/with-circuit-breaker.js'
export { withBulkhead } from './decorators/with-bulkhead.js'
export { withFallback } from './decorators/with-fallback.js'
export { withPolicy } from './decorators/with-policy.js'
export { withRetry } from './decorators/with-retry.js'
export { withTimeout, type WithTimeoutOptions } from './decorators/with-timeout.js'
export { type CallOptions, circuitBreakerCall, retryCall } from './policy/call.js'
export { circuitBreaker, CircuitBreaker, type CircuitBreakerStats } from './policy/circuit-breaker/circuit-breaker.js'
export type { CircuitBreakerChange } from './policy/circuit-breaker/change.js'
export type { CircuitBreakerHandle } from './policy/circuit-breaker/options.js'
export type {
  CircuitBreakerData,
  CircuitBreakerFunctions,
  CircuitBreakerHalfOpen,
  CircuitBreakerOptions,
  CircuitBreakerWindow,
} from './policy/circuit-breaker/options.js'
export type {
  CircuitBreakerEvents,
  CircuitBreakerState,
  CircuitClosed,
  CircuitHalfOpened,
  CircuitOpened,
} from './policy/circuit-breaker/events.js'
export type { BulkheadChange, BulkheadHandle, BulkheadOptions } from './policy/bulkhead/options.js'
export type { CallEvents, CallFailed, CallSucceeded } from './internal/events/events.js'
export type { BulkheadEvents } from './policy/bulkhead/stage.js'
export { Bulkhead, bulkhead, type BulkheadPermit, type BulkheadStats } from './policy/bulkhead/bulkhead.js'
export {
  fallback,
  Fallback,
  type FallbackEvents,
  fallbackLevels,
  type FallbackStats,
  type SubstituteOf,
  type Substituting,
} from './policy/fallback.js'
export type { FallbackOptions } from './policy/fallback-options.js'
export { coalesce, Coalesce, type CoalesceEvents, type CoalesceOptions, type CoalesceStats } from './policy/coalesce.js'
export type { HedgeOptions, HedgePercentile } from './policy/hedge-options.js'
export { hedge, Hedge, type HedgeEvents, type HedgeStats } from './policy/hedge.js'
export { perKey, PerKey, type PerKeyOptions } from './policy/per-key.js'
export { type Composed, pipeline, Pipeline } from './policy/pipeline.js'
export { RetryBudget, type RetryBudgetHandle, type RetryBudgetOptions } from './policy/retry/budget.js'
export type { Delay, Jitter } from './policy/retry/backoff.js'
export type { RetryBudgetParameters } from './memory/retry-budget/index.js'
export type { RetryChange, RetryContext, RetryData, RetryPolicy } from './policy/retry/options.js'
export { type GiveUpReason, retry, Retry, type RetryEvents, type RetryStats } from './policy/retry/retry.js'
export type { EventfulPolicy, StagedPolicy } from './policy/stages/staged-policy.js'
export { timeout, Timeout, type TimeoutEvents, type TimeoutStats } from './policy/timeout.js'
export type { TimeLimit, TimeoutOptions } from './policy/timeout-options.js'
export { type HasKey, type KeyedGuard, type KeyedGuardMaker, withRateLimit } from './decorators/with-rate-limit.js'
export { rateLimitedCall, type RateLimitedCallOptions } from './rate-limit/rate-limited-call.js'
export {
  KeyedRateLimit,
  type KeyedRateLimitOptions,
  type KeyFunction,
  type LimiterByKey,
} from './policy/keyed-rate-limit.js'
export { rateLimit, RateLimit } from './policy/rate-limit.js'
export type { RateLimitEvents } from './policy/stages/rate-limit-stage.js'
export { execute, optimize, stream } from './execute/index.js'
export { task, type Task, type TaskFunction, type TaskReference } from './execute/task.js'
export type { Considered, RunMode } from './execute/schedule/cost-model.js'
export type { RunEnd, RunHooks } from './execute/hooks.js'
export type { Items } from './execute/run/item-source.js'
export type { Limits } from './execute/schedule/machine.js'
export type { Elsewhere, ScheduleOptions, StreamOptions } from './execute/options.js'
export type { Assumed, Plan, Profile } from './execute/schedule/profile.js'
export type { CheckpointOptions, Progress, RecorderOptions } from './records/recorder.js'
export type { SettledItem } from './execute/run/result-stream.js'
