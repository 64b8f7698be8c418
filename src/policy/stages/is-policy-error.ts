import { BulkheadRejectedError, CircuitOpenError, RateLimitExceeded } from '../../errors.js'

/** Whether `error` is a refusal by one of our own policies: the function was not called. */
export function isPolicyError(error: unknown): error is RateLimitExceeded | CircuitOpenError | BulkheadRejectedError {
  return RateLimitExceeded.is(error) || CircuitOpenError.is(error) || BulkheadRejectedError.is(error)
}
