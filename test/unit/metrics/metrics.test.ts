import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { bulkhead, circuitBreaker, KeyedRateLimiter, RateLimiter, retry, RetryBudget, timeout } from 'amorsize'
import { shed, webLimit } from 'amorsize/http'
import { metricsText, openTelemetry, prometheus } from 'amorsize/metrics'
import { RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { AggregatorRegistry, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { chaos, FakeClock } from '../../../dist/testing/index.js'
import { valuesOf } from '../../support/metrics-values.js'

/** Objects that have done something. */
async function used() {
  const clock = new FakeClock()
  const api = new RateLimiter({ requestsPerSecond: 2, burstSize: 3, clock: new FakeClock() })
  for (let i = 0; i < 5; i++) api.tryAcquire()
  const users = new KeyedRateLimiter({ requestsPerSecond: 1, capacity: 64, clock })
  users.tryAcquire('a')
  users.tryAcquire('a')
  const breaker = circuitBreaker({ failureThreshold: 1 })
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
  const slots = bulkhead({ maxConcurrent: 4 })
  await slots.acquire()
  const again = retry({ maxRetries: 2, initialDelayMs: 0, clock })
  let failures = 2
  const outcome = again.execute(() => (failures-- > 0 ? Promise.reject(new Error('once')) : 'done'))
  await clock.advance(1)
  await outcome
  const budget = new RetryBudget({ minPerSecond: 2, ttlMs: 10_000, clock })
  budget.tryWithdraw()
  return { api, users, breaker, slots, again, budget }
}

const expected = {
  'amorsize_limiter_decisions_total{name="api",scope="process",outcome="acquired"}': '3',
  'amorsize_limiter_decisions_total{name="api",scope="process",outcome="refused"}': '2',
  'amorsize_limiter_tokens{name="api",scope="process"}': '0',
  'amorsize_limiter_burst_tokens{name="api",scope="process"}': '3',
  'amorsize_limiter_rate_per_second{name="api",scope="process"}': '2',
  'amorsize_limiter_waiting{name="api",scope="process"}': '0',
  'amorsize_limiter_decisions_total{name="users",scope="process",outcome="refused"}': '1',
  'amorsize_limiter_keys{name="users",scope="process"}': '1',
  'amorsize_limiter_key_capacity{name="users",scope="process"}': '64',
  'amorsize_breaker_state{name="breaker",scope="process",state="open"}': '1',
  'amorsize_breaker_state{name="breaker",scope="process",state="closed"}': '0',
  'amorsize_policy_calls_total{name="breaker",scope="process",policy="circuit-breaker",outcome="failed"}': '1',
  'amorsize_bulkhead_permits_in_use{name="slots",scope="process"}': '1',
  'amorsize_bulkhead_permits_limit{name="slots",scope="process"}': '4',
  'amorsize_policy_calls_total{name="again",scope="process",policy="retry",outcome="retries"}': '2',
  'amorsize_policy_calls_total{name="again",scope="process",policy="retry",outcome="recovered"}': '1',
  'amorsize_retry_budget_retries{name="budget",scope="process"}': '19',
}

describe('metricsText', () => {
  it('shows what objects have counted and how they stand', async () => {
    const text = metricsText({ objects: await used(), machine: false })
    expect(valuesOf(text)).toMatchObject(expected)
    // Each family once, with its kind.
    const types = text.match(/^# TYPE .*$/gm)!
    expect(new Set(types).size).toBe(types.length)
    expect(types).toContain('# TYPE amorsize_limiter_decisions_total counter')
    expect(types).toContain('# TYPE amorsize_breaker_state gauge')
    expect(text.endsWith('\n')).toBe(true)
  })

  it('shows limiters over Redis, limits of servers and what sheds load as what they are', async () => {
    const server = { send: () => Promise.resolve(['1', '0', '4', '0']) }
    const options = { name: 'shared', requestsPerSecond: 5, mode: 'exact' } as const
    const objects = {
      redis: new RedisRateLimiter(server, options),
      callers: new RedisKeyedRateLimiter(server, options),
      web: webLimit({ limits: { a: { requestsPerSecond: 1, burstSize: 1 } }, key: () => 'k' }, () => new Response()),
      load: shed(),
    }
    await Promise.all([objects.redis.acquire(), objects.callers.acquire('a'), objects.callers.acquire('b')])
    for (let i = 0; i < 3; i++) await objects.web(new Request('http://example.org'))
    const text = metricsText({ objects, machine: false })
    const of = (label: string): string[] =>
      [...text.matchAll(/^amorsize_(\w+)\{name="(\w+)",scope="process"(.*)\} (\S+)$/gm)]
        .filter(([, , name]) => name === label)
        .map(([, family, , labels, value]) => `${family}${labels} ${value}`)
    const overRedis = (calls: number): string[] => [
      `limiter_decisions_total,outcome="acquired" ${calls}`,
      'limiter_decisions_total,outcome="refused" 0',
      'limiter_waiting 0',
      `limiter_round_trips_total ${calls}`,
      'limiter_fallbacks_total 0',
    ]
    expect(of('redis')).toEqual(overRedis(1))
    expect(of('callers')).toEqual(overRedis(2))
    expect(of('web')).toEqual([
      'limiter_decisions_total,outcome="acquired" 1',
      'limiter_decisions_total,outcome="refused" 2',
    ])
    expect(of('load')).toEqual([
      'bulkhead_permits_in_use 0',
      expect.stringMatching(/^bulkhead_permits_limit [1-9]/),
      'policy_calls_total,policy="shed",outcome="admitted" 0',
      'policy_calls_total,policy="shed",outcome="refused" 0',
    ])
    for (const limiter of [objects.redis, objects.callers]) limiter.close()
    objects.load[Symbol.dispose]()
  })

  it('has another prefix, or none', () => {
    const objects = { quick: timeout(10) }
    expect(metricsText({ objects, machine: false, prefix: 'app_' })).toContain('app_policy_calls_total{name="quick"')
    expect(metricsText({ objects, machine: false, prefix: '' })).toContain('\npolicy_calls_total{name="quick"')
  })

  it('escapes what users call things', () => {
    const text = metricsText({ objects: { 'a "b"\\\n\u001b[31m\ud800': chaos() }, machine: false })
    expect(text).toContain('name="a \\"b\\"\\\\\\n\u001b[31m\ufffd",scope')
    expect(text.split('\n').every((line) => line === '' || /^(#|amorsize_)/.test(line))).toBe(true)
  })

  it('tells of ten thousand objects, each number once', () => {
    const objects = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`name ${i}`, i % 2 === 0 ? chaos() : new RateLimiter()]),
    )
    const lines = metricsText({ objects, machine: false })
      .split('\n')
      .filter((line) => !line.startsWith('#'))
    const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(series).size).toBe(series.length)
    expect(series.filter((each) => each.startsWith('amorsize_limiter_tokens'))).toHaveLength(5000)
  })

  it('tells what a limiter counted that has been disposed, and of all others', () => {
    const [over, other] = [new RateLimiter({ burstSize: 2 }), new RateLimiter({ burstSize: 3 })]
    over.tryAcquire()
    over[Symbol.dispose]()
    const values = valuesOf(metricsText({ objects: { over, other }, machine: false }))
    expect(values).toMatchObject({
      'amorsize_limiter_decisions_total{name="over",scope="process",outcome="acquired"}': '1',
      'amorsize_limiter_burst_tokens{name="other",scope="process"}': '3',
    })
    expect(values).not.toHaveProperty(['amorsize_limiter_tokens{name="over",scope="process"}'])
  })

  it.each([
    [{ prefix: '1x' }, RangeError, 'prefix must hold letters, digits and _ only'],
    [{ prefix: 5 }, TypeError, 'prefix must be a string; received 5 (number)'],
    [{ objects: null }, TypeError, 'objects must be an object with a limiter or policy under each name; received null'],
    [{ objects: [new RateLimiter()] }, TypeError, 'under each name; received an array of 1'],
    [{ objects: { api: {} } }, TypeError, 'objects.api must be a limiter or policy with stats()'],
    [{ machine: 'yes' }, TypeError, 'machine'],
    [{ object: {} }, TypeError, "did you mean 'objects'?"],
  ])('refuses %o', (options, type, message) => {
    expect(() => metricsText(options as never)).toThrow(type)
    expect(() => metricsText(options as never)).toThrow(message)
  })
})

describe('prometheus', () => {
  it('is read by prom-client when it is scraped', async () => {
    const registry = new Registry()
    const objects = await used()
    prometheus(registry, { objects, machine: false })
    objects.api.tryAcquire()
    const values = valuesOf(await registry.metrics())
    expect(values).toMatchObject({
      ...expected,
      'amorsize_limiter_decisions_total{name="api",scope="process",outcome="refused"}': '3',
    })
  })

  it('reads each object once for all metrics of a scrape', async () => {
    let asked = 0
    const registry = new Registry()
    prometheus(registry, { objects: { watched: { stats: () => ({ asked: asked++ }) } } })
    await registry.metrics()
    expect(asked).toBe(1)
    await registry.metrics()
    expect(asked).toBe(2)
  })

  it('adds nothing to a registry that has such a name', async () => {
    const registry = new Registry()
    prometheus(registry, { machine: false })
    const before = registry.getMetricsAsArray().length
    expect(() => prometheus(registry)).toThrow(/the registry has a metric amorsize_limiter_decisions_total already/)
    expect(registry.getMetricsAsArray()).toHaveLength(before)
    prometheus(registry, { prefix: 'other_' })
    expect(await registry.metrics()).not.toContain('NaN')
  })

  it('joins the processes of a cluster: sums, but the highest of states and waits', async () => {
    const registry = new Registry()
    prometheus(registry, { objects: await used(), machine: false })
    const processes = [await registry.getMetricsAsJSON(), await registry.getMetricsAsJSON()]
    const joined = valuesOf(await AggregatorRegistry.aggregate(processes).metrics())
    const alone = valuesOf(await registry.metrics())
    for (const [key, value] of Object.entries(alone)) {
      const isHighest = /breaker_state|next_wait/.test(key)
      expect(Number(joined[key]), key).toBeCloseTo(isHighest ? Number(value) : 2 * Number(value), 1)
    }
    expect(joined).toMatchObject({ 'amorsize_breaker_state{name="breaker",scope="process",state="open"}': '1' })
  })
})

describe('histograms', () => {
  /** Waits of 100, 200 and 300 ms, and what a histogram of them says. */
  async function waited() {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    limiter.tryAcquire()
    const waits = Promise.all([limiter.acquire(), limiter.acquire(), limiter.acquire()])
    await clock.advance(300)
    await waits
    return limiter
  }
  const key = (part: string, le = '') =>
    `amorsize_limiter_wait_duration_seconds${part}{name="api",scope="process"${le}}`
  const expectedWaits = {
    [key('_bucket', ',le="0.05"')]: '0',
    [key('_bucket', ',le="0.25"')]: '2',
    [key('_bucket', ',le="0.5"')]: '3',
    [key('_bucket', ',le="+Inf"')]: '3',
    [key('_count')]: '3',
    [key('_sum')]: '0.6',
  }

  it('count how long callers have waited, in the text', async () => {
    const text = metricsText({ objects: { api: await waited() }, machine: false })
    expect(text).toContain('# TYPE amorsize_limiter_wait_duration_seconds histogram\n')
    const values = valuesOf(text)
    expect(Number(values[key('_sum')])).toBeCloseTo(0.6)
    expect({ ...values, [key('_sum')]: '0.6' }).toMatchObject(expectedWaits)
  })

  it('count them in prom-client, which joins them over a cluster', async () => {
    const registry = new Registry()
    prometheus(registry, { objects: { api: await waited() }, machine: false })
    const values = valuesOf(
      (await registry.metrics()).replaceAll(/\{(le="[^"]*"),(name="api",scope="process")\}/g, '{$2,$1}'),
    )
    expect({ ...values, [key('_sum')]: '0.6' }).toMatchObject(expectedWaits)
    const [one, other] = [await registry.getMetricsAsJSON(), await registry.getMetricsAsJSON()]
    const joined = await AggregatorRegistry.aggregate([one, other]).metrics()
    expect(joined).toMatch(/amorsize_limiter_wait_duration_seconds_count\{[^}]*\} 6/)
  })

  it('never fall, and hold what came before or in each bucket', async () => {
    const limiter = await waited()
    const { waits } = limiter.stats()
    expect(waits).toMatchObject({ count: 3, maxMs: 300 })
    const counts = [0, 1, 90, 110, 215, 400, 1e9].map((ms) => waits.countWithin(ms))
    expect(counts).toEqual([0, 0, 0, 1, 2, 3, 3])
  })
})

describe('openTelemetry', () => {
  it('told twice, tells each number once', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 })
    const provider = new MeterProvider({ readers: [reader] })
    const options = { objects: { api: new RateLimiter({ burstSize: 3 }) }, machine: false }
    openTelemetry(provider.getMeter('test'), options)
    openTelemetry(provider.getMeter('test'), options)
    await reader.forceFlush()
    const burst = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .filter(({ descriptor }) => descriptor.name === 'amorsize_limiter_burst_tokens')
      .flatMap(({ dataPoints }) => dataPoints as DataPoint<number>[])
    expect(burst.map(({ value }) => value)).toEqual([3])
    await provider.shutdown()
  })

  it('is observed at each collection, until it is ended', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 })
    const provider = new MeterProvider({ readers: [reader] })
    let asked = 0
    const watched = { stats: () => ({ asked: asked++ }) }
    const objects = { ...(await used()), watched }
    const end = openTelemetry(provider.getMeter('test'), { objects, machine: false })
    await reader.forceFlush()
    const seen = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      .flatMap(({ descriptor, dataPoints }) =>
        (dataPoints as DataPoint<number>[]).map(({ attributes, value }) => {
          const labels = Object.entries(attributes).map(([key, label]) => `${key}="${label as string}"`)
          return [`${descriptor.name}{${labels.join(',')}}`, String(value)]
        }),
      )
    expect(Object.fromEntries(seen)).toMatchObject(expected)
    expect(asked).toBe(1)
    end()
    await reader.forceFlush()
    expect(asked).toBe(1)
    await provider.shutdown()
  })
})
