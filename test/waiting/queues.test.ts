import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { lateClock, limitersOfThreads, random } from '../../bench/waiting/virtual-load.mjs'
import { StoppableClock } from '../support/stoppable-clock.js'

describe('a loop that was blocked', () => {
  /** Callers that wait while nothing runs for `blockedMs`; returns how many go on within `withinMs` of waking. */
  async function atOnce(rate: number, burst: number, callers: number, blockedMs: number, withinMs: number) {
    const clock = new StoppableClock()
    const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize: burst, clock })
    let admitted = 0
    const waits = Array.from({ length: callers }, () =>
      limiter.acquire().then(
        () => admitted++,
        () => undefined,
      ),
    )
    await Promise.resolve()
    const before = admitted
    for (let ms = 0; ms <= withinMs; ms++) {
      clock.nowMs = blockedMs + ms
      await clock.run(50)
    }
    limiter[Symbol.dispose]()
    await Promise.all(waits)
    return admitted - before
  }

  it('for 300 ms, 50 callers, 1000/s, burst 1: at most 11 at once', async () => {
    expect(await atOnce(1000, 1, 50, 300, 0)).toBeLessThanOrEqual(11)
  })

  it('for 3 s, 1,000 callers, 500/s, burst 10: at most 20 within 20 ms', async () => {
    expect(await atOnce(500, 10, 1000, 3000, 20)).toBeLessThanOrEqual(20)
  })

  it('lets who waited first go first, though tokens are there again', async () => {
    const clock = new StoppableClock()
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1, clock })
    expect(limiter.tryAcquire()).toBe(true)
    const order: string[] = []
    const first = limiter.acquire().then(() => order.push('first'))
    clock.nowMs = 20
    const second = limiter.acquire().then(() => order.push('second'))
    clock.nowMs = 40
    const third = limiter.acquire().then(() => order.push('third'))
    await Promise.all([first, second, third])
    expect(order).toEqual(['first', 'second', 'third'])
  })
})

describe('giving up', () => {
  it('costs those behind nothing, in this queue and in others, whatever they cost', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 10, clock })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire(10)
    const controller = new AbortController()
    const waits = Array.from({ length: 16_000 }, (_, i) =>
      limiter.acquire(1 + i / 16_000, { signal: controller.signal }).catch(() => undefined),
    )
    await clock.advance(10)
    controller.abort()
    await Promise.all(waits)
    expect(limiter.stats().waiting).toBe(0)
    const startedMs = clock.now()
    let servedMs = NaN
    void other.acquire().then(() => {
      servedMs = clock.now() - startedMs
    })
    await clock.advance(600)
    expect(servedMs).toBeLessThanOrEqual(500)
  })
})

describe('a pause', () => {
  it('admits nobody by what is given back or held in hand, and has it when it ends', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 4, clock })
    const all = RateLimiter.all({ limiter })
    const permit = all.tryAcquire({ limiter: 4 })
    const servedMs: number[] = []
    for (let i = 0; i < 2; i++) void limiter.acquire().then(() => servedMs.push(clock.now()))
    limiter.pauseFor(1000)
    if (permit !== false) permit.settle({ limiter: 1 })
    limiter.refund(1)
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(999)
    expect([servedMs, limiter.tryAcquire()]).toEqual([[], false])
    await clock.advance(1)
    expect(servedMs).toEqual([1000, 1000])
    expect(limiter.getAvailableTokens()).toBe(2)
  })
})

describe('fairness', () => {
  it('lets the only caller of one thread go on after 10,000 of another that came before, and before 10,000 that came later', async () => {
    const rng = random(7)
    const fake = new FakeClock()
    const many = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1, clock: lateClock(fake, rng) })
    const one = RateLimiter.from(many.share())
    for (let i = 0; i < 10_000; i++) void many.acquire()
    await fake.advance(500)
    let servedMs = NaN
    void one.acquire().then(() => {
      servedMs = fake.now()
    })
    for (let i = 0; i < 10_000; i++) void many.acquire()
    await fake.advance(10_000)
    expect(servedMs).toBeGreaterThan(9950)
    expect(servedMs).toBeLessThan(10_050)
  })

  it('lasts when more tokens have been waited for than are counted, 2^52 thousandths', async () => {
    const clock = new FakeClock()
    const one = new RateLimiter({ requestsPerSecond: 1e12, burstSize: 1e12, clock })
    const other = RateLimiter.from(one.share())
    one.tryAcquire(1e12)
    for (let i = 0; i < 3; i++) {
      void one.acquire(1e12)
      await clock.advance(1000)
    }
    const order: string[] = []
    for (const [name, limiter] of Object.entries({ first: one, second: one, third: other, fourth: one }))
      void limiter.acquire(1e12).then(() => order.push(name))
    await clock.advance(4000)
    expect(order).toEqual(['first', 'second', 'third', 'fourth'])
  })
})

describe('a reset', () => {
  it('fills the bucket, whatever those owed who have gone', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 10, clock })
    limiter.tryAcquire(10)
    const controller = new AbortController()
    const waits = Array.from({ length: 200 }, () =>
      limiter.acquire(1, { signal: controller.signal }).catch(() => undefined),
    )
    controller.abort()
    await Promise.all(waits)
    limiter.reset()
    expect(limiter.getAvailableTokens()).toBe(10)
  })
})

describe('maxWaitMs', () => {
  it('is judged by everything that waits before, in other queues as well', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire()
    for (let i = 0; i < 10; i++) void limiter.acquire()
    expect([other.retryAfterMs(), limiter.retryAfterMs()]).toEqual([1100, 1100])
    expect(() => limiter.retryAfterMs(2)).toThrow(RangeError)
    await expect(other.acquire(1, { maxWaitMs: 1099 })).rejects.toMatchObject({ retryAfterMs: 1100 })
    let servedMs = NaN
    void other.acquire(1, { maxWaitMs: 1101 }).then(() => {
      servedMs = clock.now()
    })
    await clock.advance(1500)
    expect(servedMs).toBeGreaterThan(1050)
    expect(servedMs).toBeLessThan(1150)
  })
})

describe('of four threads whose callers all wait until they are served', () => {
  /** Callers at random, a fifth more than the rate, for three seconds. */
  async function patientCallers() {
    const rng = random(11)
    const fake = new FakeClock()
    const limiters = limitersOfThreads({ requestsPerSecond: 1000, burstSize: 1 }, 4, () => lateClock(fake, rng))
    const callers: { arrivedMs: number; estimateMs: number; admittedMs: number }[] = []
    const arrive = (): void => {
      const limiter = limiters[Math.floor(rng() * limiters.length)]!
      const caller = { arrivedMs: fake.now(), estimateMs: limiter.retryAfterMs(), admittedMs: NaN }
      callers.push(caller)
      void limiter.acquire().then(() => {
        caller.admittedMs = fake.now()
      })
      if (fake.now() < 3000) fake.setTimeout(arrive, -Math.log(rng()) / 1.2)
    }
    arrive()
    await fake.advance(6000)
    return callers
  }

  it('each is told by how long it will wait: to -21 and +2 ms, in 98 of 100 cases', async () => {
    const errors = (await patientCallers())
      .map(({ arrivedMs, estimateMs, admittedMs }) => estimateMs - (admittedMs - arrivedMs))
      .sort((a, b) => a - b)
    expect(errors[Math.floor(errors.length * 0.01)]).toBeGreaterThanOrEqual(-21)
    expect(errors[Math.floor(errors.length * 0.99)]).toBeLessThanOrEqual(2)
  })

  it('none goes on more than 50 ms after one of another thread that came later', async () => {
    let firstOfLaterMs = Infinity
    let most = 0
    for (const { admittedMs } of (await patientCallers()).reverse()) {
      most = Math.max(most, admittedMs - firstOfLaterMs)
      firstOfLaterMs = Math.min(firstOfLaterMs, admittedMs)
    }
    expect(most).toBeLessThanOrEqual(50)
    expect(firstOfLaterMs).toBeLessThan(Infinity)
  })
})
