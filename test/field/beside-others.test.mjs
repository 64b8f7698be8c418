import { setTimeout as delay } from 'node:timers/promises'
import { bulkhead, circuitBreaker, pipeline, RateLimiter, retry, timeout, withBulkhead, withRetry } from 'amorsize'
import * as cockatiel from 'cockatiel'
import CircuitBreaker from 'opossum'
import pLimit from 'p-limit'
import pMap from 'p-map'
import PQueue from 'p-queue'
import pRetry from 'p-retry'
import { describe, expect, it } from 'vitest'

/** Work that tells how much of it ran at once. */
function counted(ms = 2) {
  const counts = { now: 0, most: 0, calls: 0 }
  const work = async (value) => {
    counts.calls++
    counts.most = Math.max(counts.most, ++counts.now)
    await delay(ms)
    counts.now--
    return value
  }
  return { counts, work }
}

const failsFirst = (times, work = async () => 'done') => {
  let calls = 0
  return async (...args) => {
    if (++calls <= times) throw new Error(`failure ${calls}`)
    return work(...args)
  }
}

const items = Array.from({ length: 60 }, (_, n) => n)
const quick = { initialDelayMs: 1, jitter: 'none' }

describe('p-limit, p-map and p-queue', () => {
  it('p-limit around a bulkhead, and within it: the narrower one holds', async () => {
    for (const [outer, inner] of [
      [4, 2],
      [2, 4],
    ]) {
      const { counts, work } = counted()
      const limit = pLimit(outer)
      const guarded = bulkhead({ maxConcurrent: inner }).wrap(work)
      expect(await Promise.all(items.map((n) => limit(guarded, n)))).toEqual(items)
      expect(counts.most).toBe(2)
      const within = withBulkhead({ maxConcurrent: outer })((n) => pLimit(inner)(work, n))
      expect(await Promise.all(items.map(within))).toEqual(items)
    }
  })

  it('p-queue whose jobs wait for tokens', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 2000, burstSize: 1 })
    const queue = new PQueue({ concurrency: 3 })
    const done = await queue.addAll(items.map((n) => () => limiter.execute(() => n)))
    expect(done).toEqual(items)
  })

  it('p-map over a pipeline that retries', async () => {
    const { counts, work } = counted()
    const policy = pipeline(retry({ maxRetries: 2, ...quick }), bulkhead({ maxConcurrent: 3 }), timeout(10_000))
    const calls = items.map((n) => ({ n, fn: failsFirst(n % 3, work) }))
    expect(await pMap(calls, ({ n, fn }) => policy.execute(() => fn(n)), { concurrency: 16 })).toEqual(items)
    expect(counts.most).toBe(3)
  })
})

describe('p-retry', () => {
  it('around a breaker of ours: stops where the breaker refuses', async () => {
    const breaker = circuitBreaker({ failureThreshold: 2 })
    let calls = 0
    const call = pRetry(() => breaker.execute(() => (calls++, Promise.reject(new Error('down')))), {
      retries: 5,
      minTimeout: 1,
      maxTimeout: 1,
      shouldRetry: ({ error }) => error.code !== 'ERR_CIRCUIT_OPEN',
    })
    await expect(call).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    expect(calls).toBe(2)
  })

  it('within a timeout of ours: its back-off ends with the signal', async () => {
    const before = performance.now()
    const call = timeout(50).execute(({ signal }) =>
      pRetry(() => Promise.reject(new Error('down')), { retries: 10, minTimeout: 60_000, signal }),
    )
    await expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(performance.now() - before).toBeLessThan(30_000)
  })

  it('within a retry of ours: the attempts multiply', async () => {
    let calls = 0
    const inner = () => pRetry(() => (calls++, Promise.reject(new Error('down'))), { retries: 1, minTimeout: 1 })
    await expect(withRetry({ maxRetries: 2, ...quick })(inner)()).rejects.toMatchObject({
      code: 'ERR_RETRY_EXHAUSTED',
      attempts: 3,
    })
    expect(calls).toBe(6)
  })
})

describe('cockatiel', () => {
  it('its policies around and within ours', async () => {
    const theirs = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.ConstantBackoff(1) })
    const ours = pipeline(timeout(10_000), circuitBreaker({ failureThreshold: 10 }))
    expect(await theirs.execute(() => ours.execute(failsFirst(0)))).toBe('done')
    const twice = failsFirst(2)
    expect(await theirs.execute(() => ours.execute(twice))).toBe('done')
    const thrice = failsFirst(3)
    expect(await ours.execute(({ signal }) => theirs.execute(() => thrice(), signal))).toBe('done')
  })

  it('its breaker counts our timeouts, and ours its rejections', async () => {
    const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 60_000,
      breaker: new cockatiel.ConsecutiveBreaker(2),
    })
    const late = () => theirs.execute(() => timeout(5).execute(() => new Promise(() => {})))
    for (let n = 0; n < 2; n++) await expect(late()).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    await expect(late()).rejects.toBeInstanceOf(cockatiel.BrokenCircuitError)
    const ours = circuitBreaker({ failureThreshold: 1 })
    await expect(ours.execute(late)).rejects.toBeInstanceOf(cockatiel.BrokenCircuitError)
    expect(ours.state).toBe('open')
  })
})

describe('opossum', () => {
  it('fires a guarded function, and opens on what our policies reject', async () => {
    const guarded = withRetry({ maxRetries: 1, ...quick })(failsFirst(1, async (n) => n * 2))
    const theirs = new CircuitBreaker(guarded, { timeout: 10_000 })
    expect(await theirs.fire(21)).toBe(42)
    theirs.shutdown()
    const failing = new CircuitBreaker(
      timeout(5).wrap(() => new Promise(() => {})),
      { timeout: false, volumeThreshold: 1, errorThresholdPercentage: 1 },
    )
    await expect(failing.fire()).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(failing.opened).toBe(true)
    failing.shutdown()
  })

  it('within our retry: what it refuses is retried, and its own error comes through', async () => {
    const theirs = new CircuitBreaker(() => Promise.reject(new Error('down')), { resetTimeout: 60_000 })
    const call = retry({ maxRetries: 2, ...quick }).execute(() => theirs.fire())
    await expect(call).rejects.toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', cause: { code: 'EOPENBREAKER' } })
    theirs.shutdown()
  })
})

it('all of them around one function', async () => {
  const { counts, work } = counted()
  const limit = pLimit(8)
  const theirs = cockatiel.wrap(
    cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2, backoff: new cockatiel.ConstantBackoff(1) }),
    cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive),
  )
  const ours = pipeline(
    retry({ maxRetries: 2, ...quick }),
    circuitBreaker({ failureThreshold: 1000 }),
    bulkhead({ maxConcurrent: 3 }),
  )
  const breaker = new CircuitBreaker((fn, n) => ours.execute(() => fn(n)), { volumeThreshold: 1e6 })
  const call = (n) => {
    const fn = failsFirst(n % 4, work)
    return limit(() => pRetry(() => theirs.execute(() => breaker.fire(fn, n)), { retries: 3, minTimeout: 1 }))
  }
  expect(await Promise.all(items.map(call))).toEqual(items)
  expect(counts).toMatchObject({ now: 0, most: 3, calls: items.length })
  breaker.shutdown()
})
