import { ExecutionError } from '../errors.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Errors made here that have no outcome yet. An item may fail with the error of its own run, which must not be changed. */
const unfinished = new WeakSet()

/** The error of a run that cannot continue. */
export function runError(message: string, cause?: unknown): ExecutionError {
  return runErrorOf(message, cause === undefined ? [] : [cause])
}

/** The error of a run that cannot continue because of several errors. */
export function runErrorOf(message: string, errors: unknown[]): ExecutionError {
  const error = new ExecutionError(message, { errors, results: [], deadLetter: null })
  unfinished.add(error)
  return error
}

/** Adds the outcome of the run, once, if `error` was made by {@link runError} or {@link runErrorOf}. */
export function addOutcome(error: unknown, results: unknown[], deadLetter: string | null): void {
  if (typeof error !== 'object' || error === null || !unfinished.delete(error)) return
  const writable = error as Writable<ExecutionError>
  writable.results = results
  writable.deadLetter = deadLetter
}
