import type { RateLimiterHandle } from '../rate-limit/rate-limiter-handle.js'

/** Has `start` called once the policies of a run allow it; the promise is of what it returns. */
export type Guard = (start: () => unknown) => Promise<unknown>

/**
 * The run's limiters, outermost first, in a worker. They are loaded when the first run needs them. Where one cannot be opened, every
 * item fails with the reason.
 */
export async function guardOf(handles: readonly RateLimiterHandle[]): Promise<Guard> {
  try {
    const { RateLimiter } = await import('../rate-limit/rate-limiter.js')
    return handles
      .map((handle) => RateLimiter.from(handle))
      .reduceRight<Guard>(
        (inner, limiter) => (start) => limiter.execute(() => inner(start)),
        async (start) => await start(),
      )
  } catch (error) {
    return () => Promise.reject(error)
  }
}
