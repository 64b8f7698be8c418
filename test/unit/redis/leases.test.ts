// Tokens that are taken ahead must not be missing where they are needed.
import { describe, expect, it } from 'vitest'
import {
  type RedisClient,
  RedisKeyedRateLimiter,
  RedisRateLimiter,
  type RedisRateLimitOptions,
} from '../../../dist/redis/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A server of one limit on the test's clock, and clients of it, each of which stands for a process. */
function serverOn(clock: FakeClock) {
  let fullMs = 0
  const server = {
    granted: 0,
    asked: 0,
    client: (): RedisClient => ({
      send: ([, , , , ...values]) => {
        const [most, least, us, ps, burstUs, burstPs] = values.map(Number) as [
          number,
          number,
          number,
          number,
          number,
          number,
        ]
        const [unitMs, burstMs, nowMs] = [(us + ps / 1e6) / 1000, (burstUs + burstPs / 1e6) / 1000, clock.now()]
        server.asked++
        fullMs = Math.max(fullMs, nowMs)
        const there = Math.floor((burstMs - (fullMs - nowMs)) / unitMs + 1e-6)
        const granted = Math.min(there, most) < least ? 0 : Math.min(there, most)
        fullMs += granted * unitMs
        server.granted += granted
        const waitMs = granted > 0 ? 0 : least * unitMs - (burstMs - (fullMs - nowMs))
        return Promise.resolve([granted, Math.ceil(waitMs * 1000), there - granted, 0].map(String))
      },
    }),
  }
  return server
}

/** Numbers from 0 to 1, the same each time. */
function numbers(): () => number {
  let seed = 1
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
}

const few = { name: 'few', requestsPerSecond: 1 / 60, burstSize: 5 }

it.each([
  [
    'a limiter by key',
    (client: RedisClient, clock: FakeClock) => {
      const limiter = new RedisKeyedRateLimiter(client, { ...few, clock })
      return { limiter, decide: () => limiter.decide('bob') }
    },
  ],
  [
    "one by key in mode 'lease', which is 'exact', too",
    (client: RedisClient, clock: FakeClock) => {
      const limiter = new RedisKeyedRateLimiter(client, { ...few, clock, mode: 'lease' })
      return { limiter, decide: () => limiter.decide('bob') }
    },
  ],
  [
    "one in mode 'lease'",
    (client: RedisClient, clock: FakeClock) => {
      const limiter = new RedisRateLimiter(client, { ...few, clock, mode: 'lease' })
      return { limiter, decide: () => limiter.decide() }
    },
  ],
] as const)('%s gives a burst of five to five calls, however long they are apart', async (_, make) => {
  for (const apartMs of [0, 20, 1500]) {
    const clock = new FakeClock()
    const { limiter, decide } = make(serverOn(clock).client(), clock)
    const allowed: boolean[] = []
    for (let i = 0; i < 6; i++) {
      allowed.push((await decide()).allowed)
      await clock.advance(apartMs)
    }
    expect(allowed).toEqual([true, true, true, true, true, false])
    limiter.close()
  }
})

describe('two hundred processes that are hardly busy', () => {
  const [RATE, BURST, SECONDS, OFFERED] = [50, 50, 60, 100]
  /** What a process takes ahead at most: what is used within 50 ms. */
  const AHEAD = 2

  it.each([
    ['one call at a time', [0]],
    ['one call at a time, of many processes at once', [0], 200],
    ['two calls one after the other', [0, 0]],
    ['five calls 20 ms apart', [0, 20, 20, 20, 20]],
    ['sixteen calls one after the other', new Array<number>(16).fill(0)],
    ['calls that are tried again', [0, 5, 50, 500]],
  ])('use up the rate, and no more, with %s', async (_, pausesMs, everyMs = 1) => {
    const clock = new FakeClock()
    const server = serverOn(clock)
    const options: RedisRateLimitOptions = { name: 'many', requestsPerSecond: RATE, burstSize: BURST, clock }
    const limiters = Array.from({ length: 200 }, () => new RedisRateLimiter(server.client(), options))
    const random = numbers()
    const calls: { atMs: number; limiter: RedisRateLimiter }[] = []
    for (let atMs = 0; atMs < SECONDS * 1000; atMs -= Math.log(random()) * ((1000 * pausesMs.length) / OFFERED)) {
      const limiter = limiters[Math.floor(random() * limiters.length)]!
      let callMs = Math.ceil(atMs / everyMs) * everyMs
      for (const pauseMs of pausesMs) calls.push({ atMs: (callMs += pauseMs), limiter })
    }
    calls.sort((a, b) => a.atMs - b.atMs)
    // Of all windows up to now: the fewest that were let through before one, less what comes back until then, and the most within one.
    let [nowMs, allowed, before, most] = [0, 0, 0, 0]
    for (const { atMs, limiter } of calls) {
      await clock.advance(atMs - nowMs)
      nowMs = atMs
      const cameBack = (RATE * nowMs) / 1000
      before = Math.min(before, allowed - cameBack)
      if (await limiter.tryAcquire()) allowed++
      most = Math.max(most, allowed - cameBack - before)
    }
    expect(most).toBeLessThanOrEqual(BURST + limiters.length * 2 * AHEAD)
    expect(allowed).toBeGreaterThan(0.9 * RATE * SECONDS)
    for (const limiter of limiters) limiter.close()
  })
})
