import { ExecutionError } from '../errors.js'

/** The error of a run whose account cannot be kept. */
export function recorderError(message: string, cause?: unknown): ExecutionError {
  return new ExecutionError(message, { errors: cause === undefined ? [] : [cause], results: [], deadLetter: null })
}

/** What `error` says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
