// How long the first answer of a server is waited for, and how long others are.
import { expect, it, vi } from 'vitest'
import { type RedisClient, RedisKeyedRateLimiter, RedisRateLimiter } from '../../../dist/redis/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A server that answers when it is told to, and grants one token each time. */
function heldServer() {
  const held: (() => void)[] = []
  const client: RedisClient = { send: () => new Promise((resolve) => held.push(() => resolve(['1', '0', '1', '0']))) }
  return { client, answer: () => held.splice(0).forEach((each) => each()) }
}

const options = { name: 'connecting', requestsPerSecond: 5, mode: 'exact', onUnavailable: 'closed' } as const

/** When a promise has settled, by the clock. */
async function settledMs(clock: FakeClock, promise: Promise<unknown>): Promise<number> {
  const startMs = clock.now()
  let isSettled = false
  void promise.finally(() => (isSettled = true)).catch(() => undefined)
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by the callback
  while (!isSettled) await clock.advance(10)
  return clock.now() - startMs
}

it('waits for the first answer for two seconds, for others for 50 ms', async () => {
  const [clock, { client, answer }] = [new FakeClock(), heldServer()]
  const limiter = new RedisRateLimiter(client, { ...options, clock })
  const first = limiter.decide()
  await clock.advance(1500)
  answer()
  expect(await first).toMatchObject({ allowed: true, source: 'redis' })
  const second = limiter.decide()
  expect(await settledMs(clock, second)).toBeLessThanOrEqual(60)
  expect(await second).toMatchObject({ source: 'fallback' })
  // Nor does one wait that is made later: the connection is theirs.
  const another = new RedisKeyedRateLimiter(client, { ...options, clock })
  expect(await settledMs(clock, another.decide('k'))).toBeLessThanOrEqual(60)
  for (const one of [limiter, another]) one.close()
})

it.each([undefined, 100, 0])('waits in vain but once, with connectTimeoutMs: %s', async (connectTimeoutMs) => {
  const [clock, { client }] = [new FakeClock(), heldServer()]
  const limiter = new RedisKeyedRateLimiter(client, { ...options, clock, connectTimeoutMs })
  const first = limiter.decide('k')
  const takenMs = await settledMs(clock, first)
  expect(await first).toMatchObject({ source: 'fallback' })
  const leastMs = Math.max(50, connectTimeoutMs ?? 2000)
  expect(takenMs).toBeGreaterThanOrEqual(leastMs)
  expect(takenMs).toBeLessThanOrEqual(leastMs + 10)
  await clock.advance(200)
  expect(await settledMs(clock, limiter.decide('k'))).toBeLessThanOrEqual(60)
  limiter.close()
})

it('lets callers have what the first answer brings that want to wait for no token', async () => {
  const [clock, { client, answer }] = [new FakeClock(), heldServer()]
  const limiter = new RedisRateLimiter(client, { ...options, clock })
  const acquired = limiter.acquire(1, { maxWaitMs: 0 })
  await clock.advance(1500)
  answer()
  await acquired
  limiter.close()
})

it('waits for the first answer in a thread without a client, too', async () => {
  // It takes longer than `timeoutMs`, by the clock that all threads have.
  const send = () => new Promise((resolve) => setTimeout(() => resolve(['1', '0', '1', '0']), 200))
  const limiter = new RedisRateLimiter({ send }, { ...options, connectTimeoutMs: 60_000 })
  const other = RedisRateLimiter.from(limiter.share())
  expect(await other.decide()).toMatchObject({ allowed: true, source: 'redis' })
  for (const one of [other, limiter]) one.close()
})

it('is ready with the first answer, and says what is in the way', async () => {
  const clock = new FakeClock()
  const send = vi.fn(() => Promise.reject(new Error('connect ECONNREFUSED')))
  const limiter = new RedisRateLimiter({ send }, { ...options, clock })
  const tried = limiter.ready()
  const outcome = expect(tried).rejects.toThrow('connect ECONNREFUSED')
  expect(await settledMs(clock, tried)).toBeLessThanOrEqual(2000)
  await outcome
  const ready = limiter.ready()
  await clock.advance(500)
  send.mockResolvedValue(['0', '0', '5', '0'] as never)
  await clock.advance(500)
  await ready
  const { length } = send.mock.calls
  await limiter.ready()
  expect(send).toHaveBeenCalledTimes(length + 1)
  limiter.close()
  await expect(limiter.ready()).rejects.toMatchObject({ reason: 'disposed' })
})

it('is not ready when it is closed meanwhile', async () => {
  const clock = new FakeClock()
  const limiter = new RedisKeyedRateLimiter({ send: () => Promise.reject(new Error('away')) }, { ...options, clock })
  const outcome = expect(limiter.ready()).rejects.toMatchObject({ reason: 'disposed' })
  await clock.advance(100)
  limiter.close()
  await clock.advance(1000)
  await outcome
})
