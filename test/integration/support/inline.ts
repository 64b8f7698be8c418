/** A function of this source, which captures nothing, so that workers can have it. */
export function inline<R = unknown>(body: string): (n: number) => R {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a function that is written out would capture helpers of the test runner
  return new Function('n', body) as (n: number) => R
}

/** One whose items take long enough for workers, and whose results `shape` makes. */
export const computing = (shape: string): ((n: number) => unknown) =>
  inline(`const end = performance.now() + 0.5; while (performance.now() < end); ${shape}`)
