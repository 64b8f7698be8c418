import { afterEach, describe, expect, test, vi } from 'vitest'
import { circuitBreaker, RateLimiter, retry, timeout, TimeoutExceededError } from 'amorsize'
import type { Clock } from 'amorsize/testing'

const never = (): Promise<never> => new Promise(() => undefined)
const timesOut = async (ms: number): Promise<void> => {
  await expect(timeout(ms).execute(never)).rejects.toThrow(TimeoutExceededError)
}

afterEach(() => void vi.useRealTimers())

describe('fake timers', () => {
  test('that are taken away with a timeout pending stop no later one', async () => {
    await timesOut(1)
    vi.useFakeTimers()
    void timeout(5)
      .execute(never)
      .catch(() => undefined)
    vi.useRealTimers()
    await timesOut(20)
  })

  test('that are taken away with an acquire pending stop no later timeout', async () => {
    vi.useFakeTimers()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1 })
    await limiter.acquire()
    void limiter.acquire()
    vi.useRealTimers()
    await timesOut(20)
  })

  test('that come while calls wait go on from the time that it is', async () => {
    let calls = 0
    const outcomes = Promise.all([
      timesOut(20),
      retry({ initialDelayMs: 20, jitter: 'none' }).execute(() => {
        if (++calls < 3) throw new Error('not yet')
      }),
    ])
    vi.useFakeTimers()
    const { setTimeout: sleep } = await import('node:timers/promises')
    // What was set before is Node's own timer, so some of the real time must pass, too.
    for (let i = 0; i < 60; i++) {
      await vi.advanceTimersByTimeAsync(2)
      await sleep(1)
    }
    expect(calls).toBe(3)
    await outcomes
  })

  test('that forget all they hold stop no later one', async () => {
    vi.useFakeTimers()
    void timeout(5)
      .execute(never)
      .catch(() => undefined)
    vi.clearAllTimers()
    const later = timesOut(20)
    await vi.advanceTimersByTimeAsync(30)
    await later
  })

  test('fire what is due when they are moved, also after several turns', async () => {
    for (let turn = 0; turn < 3; turn++) {
      vi.useFakeTimers()
      const call = timesOut(1000)
      await vi.advanceTimersByTimeAsync(1001)
      await call
      vi.useRealTimers()
      await timesOut(2)
    }
  })

  test('put over a real one leave it to fire', async () => {
    const real = timesOut(30)
    vi.useFakeTimers()
    const fake = timesOut(10)
    await vi.advanceTimersByTimeAsync(11)
    await fake
    vi.useRealTimers()
    await timesOut(1)
    await real
  })
})

describe('what is no time', () => {
  test.each([undefined, NaN, Infinity, -1, 2, 'x'])(
    'random returning %o is an error of that call alone',
    async (value) => {
      const policy = retry({ maxRetries: 1, random: () => value as number })
      await expect(policy.execute(() => Promise.reject(new Error('on purpose')))).rejects.toThrow(
        /^random must return a number from 0 to 1; it returned /,
      )
      await timesOut(5)
    },
  )

  test.each([undefined, NaN, Infinity, -1, 'x'])('delay returning %o, too', async (value) => {
    const policy = retry({ maxRetries: 1, delay: () => value as number })
    await expect(policy.execute(() => Promise.reject(new Error('on purpose')))).rejects.toThrow(
      /^what delay returns must be a finite number >= 0; received /,
    )
    await timesOut(5)
  })
})

describe('a clock over the timers that a test runner may fake', () => {
  const clock: Clock = {
    now: () => Date.now(),
    setTimeout: (fn, ms) => setTimeout(fn, ms),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  }

  test('has limits follow them', async () => {
    vi.useFakeTimers()
    const limiter = new RateLimiter({ requestsPerSecond: 3, burstSize: 1, clock })
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, false])
    let served = 0
    const all = Promise.all([1, 2, 3].map(async () => limiter.acquire().then(() => served++)))
    await vi.advanceTimersByTimeAsync(330)
    expect(served).toBe(0)
    await vi.advanceTimersByTimeAsync(680)
    expect(served).toBe(3)
    await all
    vi.advanceTimersByTime(334)
    expect(limiter.tryAcquire()).toBe(true)
  })

  test('has breakers follow them', async () => {
    vi.useFakeTimers()
    const breaker = circuitBreaker({ failureThreshold: 1, successThreshold: 1, resetTimeoutMs: 30_000, clock })
    await expect(breaker.execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    vi.advanceTimersByTime(29_999)
    await expect(breaker.execute(() => 'up')).rejects.toThrow(/open/)
    vi.advanceTimersByTime(1)
    expect(await breaker.execute(() => 'up')).toBe('up')
    expect(breaker.state).toBe('closed')
  })
})
