import type { FakeClock } from '../../dist/testing/index.js'

/** A function that fails the first `failures` times; notes when it was called. */
export function failing(
  clock: FakeClock,
  failures: number,
  errorOf: (call: number) => unknown = (call) => new Error(`failure ${call}`),
) {
  const calledAt: number[] = []
  const fn = (): Promise<string> => {
    calledAt.push(clock.now())
    return calledAt.length <= failures ? Promise.reject(errorOf(calledAt.length)) : Promise.resolve('done')
  }
  return Object.assign(fn, { calledAt })
}

export interface Outcome {
  value?: unknown
  error?: unknown
  /** When it settled, by the clock. */
  atMs: number
}

/** How and when a promise settles. Handles its rejection at once, so that none goes unhandled while the clock is moved. */
export function outcomeOf(clock: FakeClock, promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    (value) => ({ value, atMs: clock.now() }),
    (error: unknown) => ({ error, atMs: clock.now() }),
  )
}

/** A promise that the test settles. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
