import { ExecutionError } from '../errors.js'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Errors that were made here. An item may fail with the error of a run of its own, which must not be changed. */
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

/** Adds what the run had come to, if `error` is one of {@link runError}. */
export function addOutcome(error: unknown, results: unknown[], deadLetter: string | null): void {
  if (typeof error !== 'object' || error === null || !unfinished.delete(error)) return
  const writable = error as Writable<ExecutionError>
  writable.results = results
  writable.deadLetter = deadLetter
}
