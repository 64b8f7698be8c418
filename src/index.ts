/** The public API; this file only re-exports. */
export {
  AmorsizeError,
  type AmorsizeErrorCode,
  BulkheadRejectedError,
  CircuitOpenError,
  ExecutionError,
  RateLimitExceeded,
  RetryExhaustedError,
  SharedMemoryError,
  type SharedMemoryReason,
  TaskNotTransferableError,
  TimeoutExceededError,
  WorkerCrashedError,
} from './errors.js'
export type { Clock } from './internal/clock.js'
export type { ExecuteOptions, Policy, PolicyContext, PolicyFunction, Wrapped } from './internal/policy.js'
export type { Guard, GuardFactory } from './decorators/guard.js'
