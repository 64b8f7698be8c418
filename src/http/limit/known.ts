import { TimeoutExceededError } from '../../errors.js'
import { isThenable } from '../../internal/thenable.js'
import type { Clock } from '../../internal/time/clock.js'
import type { MaybePromise } from '../stores/counts.js'

/** A function of the options threw, rejected, took too long, or returned an invalid value. */
export class Failure {
  constructor(readonly error: unknown) {}
}

/** A promise of a function of the options has failed if it takes longer: the request must not wait for ever. ms */
const LONGEST_MS = 2000

/** The result of a function of the options, which `what` names in errors; `check` throws for an invalid value. */
export function tried<T>(
  clock: Clock,
  what: string,
  get: () => unknown,
  check: (value: unknown) => T,
): MaybePromise<T | Failure> {
  try {
    const value = get()
    if (!isThenable(value)) return check(value)
    return inTime(clock, what, value)
      .then(check)
      .catch((error: unknown) => new Failure(error))
  } catch (error) {
    return new Failure(error)
  }
}

function inTime(clock: Clock, what: string, value: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new TimeoutExceededError(`${what} gave nothing within ${LONGEST_MS} ms`, { timeoutMs: LONGEST_MS }))
    const timer = clock.setTimeout(late, LONGEST_MS)
    const isKnown = (): void => clock.clearTimeout(timer)
    value.then(resolve, reject)
    value.then(isKnown, isKnown)
  })
}

/** All of them. */
export function all<T>(known: MaybePromise<T>[]): MaybePromise<T[]> {
  return known.some((each) => each instanceof Promise) ? Promise.all(known) : (known as T[])
}
