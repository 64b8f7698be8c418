import {
  CircuitOpenError,
  KeyedRateLimiter,
  RateLimitExceeded,
  RateLimiter,
  retry,
  RetryExhaustedError,
} from 'amorsize'
import { type JobLike, wrapProcessor } from 'amorsize/bullmq'
import { describe, expect, it, vi } from 'vitest'

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

describe('wrapProcessor by group', () => {
  const limiter = (): KeyedRateLimiter => new KeyedRateLimiter({ requestsPerSecond: 0.01, burstSize: 2, capacity: 100 })
  class Grouped extends Job {
    constructor(readonly account: unknown) {
      super()
    }
  }
  const keyed = ({ account }: Grouped): string => {
    if (account instanceof Error) throw account
    return account as string
  }
  const work = (): Promise<string> => Promise.resolve('done')
  const put = async (
    processor: (job: Grouped, token: string) => Promise<string>,
    account: unknown,
  ): Promise<string> => {
    const job = new Grouped(account)
    return processor(job, 'token').catch(
      (error: unknown) => `${(error as Error).name} ${job.delayedUntilMs! - Date.now() > 90_000}`,
    )
  }

  it('puts off jobs whose group has no token, one behind the other, and no others', async () => {
    const processor = wrapProcessor({ keyed, limiter: limiter() }, work)
    expect([await put(processor, 'a'), await put(processor, 'a')]).toEqual(['done', 'done'])
    const late = [new Grouped('a'), new Grouped('a'), new Grouped('a')]
    for (const job of late) await expect(processor(job, 'token')).rejects.toMatchObject({ name: 'DelayedError' })
    const [first, second, third] = late.map(({ delayedUntilMs }) => delayedUntilMs! - Date.now())
    expect(first).toBeGreaterThan(90_000)
    expect(second! - first!).toBeGreaterThan(90_000)
    expect(third! - second!).toBeGreaterThan(90_000)
    expect(await put(processor, 'b')).toBe('done')
    expect(await put(processor, 'a')).toBe('DelayedError true')
  })

  it('takes jobs without a group for one, warns once, and does not limit those with null', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const processor = wrapProcessor({ keyed, limiter: limiter() }, work)
    const outcomes = []
    for (const group of [undefined, {}, new Error('no account'), NaN]) outcomes.push(await put(processor, group))
    expect(outcomes).toEqual(['done', 'done', 'DelayedError true', 'DelayedError true'])
    expect(warn.mock.calls).toMatchObject([
      [expect.stringContaining('it gave undefined'), { code: 'AMORSIZE_GROUP_FAILED' }],
    ])
    for (let i = 0; i < 5; i++) expect(await put(processor, null)).toBe('done')
    warn.mockRestore()
  })

  it('asks a limiter over Redis, and is told how long', async () => {
    const asked: unknown[] = []
    const decide = (key: unknown) => {
      asked.push(key)
      return Promise.resolve({ allowed: asked.length < 2, waitMs: 100_000 })
    }
    const processor = wrapProcessor({ keyed, limiter: { decide } }, (_, __, signal) =>
      Promise.resolve(String(signal.aborted)),
    )
    expect([await put(processor, 'a'), await put(processor, 7)]).toEqual(['false', 'DelayedError true'])
    expect(asked).toEqual(['a', 7])
  })

  it.each([
    [{ keyed: 'account', limiter: limiter() }, 'keyed must be a function'],
    [{ keyed }, 'limiter must be a KeyedRateLimiter or a RedisKeyedRateLimiter'],
    [{ keyed, limiter: new RateLimiter() }, 'limiter must be a KeyedRateLimiter'],
    [{ keyed, limiter: limiter(), name: 'n' }, 'unknown wrapProcessor option'],
    [null, 'policy must be a policy or a limiter, or { keyed, limiter }'],
  ])('refuses %o', (limit, message) => {
    expect(() => wrapProcessor(limit as never, work)).toThrow(message)
  })
})
