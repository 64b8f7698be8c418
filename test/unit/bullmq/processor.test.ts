import { CircuitOpenError, RateLimitExceeded, RateLimiter, retry, RetryExhaustedError } from 'amorsize'
import { type JobLike, wrapProcessor } from 'amorsize/bullmq'
import { describe, expect, it } from 'vitest'

/** A job that notes what is done to it. */
class Job implements JobLike {
  readonly id = '1'
  readonly data = undefined
  delayedUntilMs: number | undefined = undefined

  async moveToDelayed(timestampMs: number, token?: string): Promise<void> {
    expect(token).toBe('token')
    this.delayedUntilMs = timestampMs
  }
}

const once = retry({ maxRetries: 0 })
const failing =
  (error: unknown): (() => Promise<never>) =>
  () =>
    Promise.reject(error)

describe('wrapProcessor', () => {
  it.each([
    new RateLimitExceeded('full', { retryAfterMs: 500, limiterName: null }),
    new CircuitOpenError('open', { retryAfterMs: 500, state: 'open' }),
    Object.assign(new Error('429'), { status: 429, retryAfterMs: 500 }),
    new RetryExhaustedError('tried', {
      attempts: 2,
      cause: Object.assign(new Error('429'), { status: 429, retryAfterMs: 500 }),
    }),
  ])('delays the job of %o', async (error) => {
    const job = new Job()
    const beforeMs = Date.now()
    await expect(wrapProcessor(once, failing(error))(job, 'token')).rejects.toMatchObject({ name: 'DelayedError' })
    expect(job.delayedUntilMs).toBeGreaterThanOrEqual(beforeMs + 500)
    expect(job.delayedUntilMs).toBeLessThanOrEqual(Date.now() + 501)
  })

  it('delays by a second where nobody has said how long, or it is over, and by a day where it was for ever', async () => {
    for (const [error, ms] of [
      [Object.assign(new Error('429'), { status: 429 }), 1000],
      [Object.assign(new Error('429'), { status: 429, headers: { 'retry-after': '0' } }), 1000],
      [Object.assign(new Error('429'), { status: 429, headers: { 'retry-after': new Date(0).toUTCString() } }), 1000],
      [new CircuitOpenError('isolated', { retryAfterMs: Infinity, state: 'isolated' }), 86_400_000],
    ] as const) {
      const job = new Job()
      const beforeMs = Date.now()
      await expect(wrapProcessor(once, failing(error))(job, 'token')).rejects.toMatchObject({ name: 'DelayedError' })
      expect(job.delayedUntilMs! - beforeMs).toBeGreaterThanOrEqual(ms)
      expect(job.delayedUntilMs! - Date.now()).toBeLessThanOrEqual(ms)
    }
  })

  it('limits the queue', async () => {
    const error = Object.assign(new Error('429'), { status: 429, retryAfterMs: 70.2 })
    const limited: number[] = []
    const queue = { rateLimit: async (ms: number) => void limited.push(ms) }
    const processor = wrapProcessor(once, failing(error), { on429: 'limit-queue', queue })
    await expect(processor(new Job(), 'token')).rejects.toMatchObject({ message: 'bullmq:rateLimitExceeded' })
    expect(limited).toEqual([71])
  })

  it.each([
    [{ permanent: true }, true],
    [{ status: 404 }, true],
    [{ statusCode: 400 }, true],
    [{ status: 408 }, false],
    [{ status: 425 }, false],
    [{ status: 500 }, false],
    [{}, false],
  ])('knows whether an error with %o is for good: %o', async (properties, isPermanent) => {
    const error = Object.assign(new Error('wrong'), properties)
    const outcome = wrapProcessor(once, failing(error))(new Job(), 'token')
    if (isPermanent)
      await expect(outcome).rejects.toMatchObject({ name: 'UnrecoverableError', message: 'wrong', cause: error })
    else await expect(outcome).rejects.toBe(error)
  })

  it('asks the option permanent instead', async () => {
    const permanent = (error: unknown): boolean => error === 'for good'
    const run = (error: unknown): Promise<unknown> =>
      wrapProcessor(once, failing(error), { permanent })(new Job(), 'token')
    await expect(run('for good')).rejects.toMatchObject({ name: 'UnrecoverableError', cause: 'for good' })
    await expect(run('not yet')).rejects.toBe('not yet')
    const later = (): never => Promise.resolve(false) as never
    const asked = wrapProcessor(once, failing('not yet'), { permanent: later })(new Job(), 'token')
    await expect(asked).rejects.toThrow('permanent must answer at once, with true or false; it returned a promise')
  })

  it('gives the processor a signal that the worker aborts', async () => {
    const abort = new AbortController()
    const limiter = new RateLimiter({ requestsPerSecond: 10 })
    const seen: unknown[] = []
    const processor = wrapProcessor(limiter, (_job, _token, signal) => {
      abort.abort('cancelled')
      seen.push(signal.reason)
    })
    expect(processor).toHaveLength(3)
    await expect(processor(new Job(), 'token', abort.signal)).rejects.toBe('cancelled')
    expect(seen).toEqual(['cancelled'])
  })

  it.each([
    [undefined, failing(1), {}, 'policy must be a policy or a limiter'],
    [once, 5, {}, 'fn must be a function'],
    [once, failing(1), { on429: 'wait' }, "on429 must be one of 'delay-job', 'limit-queue'"],
    [once, failing(1), { queue: {} }, 'queue must be a Queue of BullMQ'],
    [once, failing(1), { on429: 'limit-queue' }, "queue must be a Queue of BullMQ, which 'limit-queue' needs"],
    [once, failing(1), { permanent: 1 }, 'permanent must be a function'],
    [once, failing(1), { on492: 1 }, 'unknown wrapProcessor option'],
  ])('refuses %o, %o, %o', (policy, fn, options, message) => {
    expect(() => wrapProcessor(policy as never, fn as never, options as never)).toThrow(message)
  })
})
