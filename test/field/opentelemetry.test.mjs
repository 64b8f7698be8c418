import { setTimeout as delay } from 'node:timers/promises'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import {
  bulkhead,
  circuitBreaker,
  execute,
  fallback,
  hedge,
  pipeline,
  RateLimiter,
  rateLimit,
  retry,
  stream,
  timeout,
} from 'amorsize'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('field')

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterEach(() => exporter.reset())
afterAll(async () => {
  context.disable()
  await provider.shutdown()
})

/** Runs `work` in a span of its own. */
const inSpan = (name, work) =>
  tracer.startActiveSpan(name, async (span) => {
    try {
      return await work()
    } finally {
      span.end()
    }
  })

/** Names of the finished spans below each of `parents`, in the order they ended. */
function childrenOf(parents) {
  const spans = exporter.getFinishedSpans()
  return parents.map((name) => {
    const parent = spans.find((span) => span.name === name)
    return spans
      .filter((span) => span.parentSpanContext?.spanId === parent.spanContext().spanId)
      .map(({ name }) => name)
  })
}

const hangsAtFirst = () => {
  let attempts = 0
  return ({ signal }) => {
    const attempt = ++attempts
    return inSpan(`attempt ${attempt}`, () =>
      attempt > 1 ? 'done' : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
  }
}
const works = () => () => inSpan('attempt', () => delay(2))

const requests = Array.from({ length: 20 }, (_, n) => `request ${n}`)

const cases = {
  'retry around a timeout': {
    policy: pipeline(retry({ maxRetries: 1, initialDelayMs: 1, jitter: 'none' }), timeout(15)),
    fn: hangsAtFirst,
    spans: ['attempt 1', 'attempt 2'],
  },
  hedge: { policy: hedge({ afterMs: 5 }), fn: hangsAtFirst, spans: ['attempt 2', 'attempt 1'] },
  'fallback around a timeout': {
    policy: pipeline(
      fallback(() => inSpan('substitute', () => 'substitute')),
      timeout(15),
    ),
    fn: hangsAtFirst,
    spans: ['attempt 1', 'substitute'],
  },
  'bulkhead with waiters': { policy: bulkhead({ maxConcurrent: 2 }), fn: works, spans: ['attempt'] },
  'limiter with waiters': {
    policy: rateLimit({ requestsPerSecond: 500, burstSize: 1 }),
    fn: works,
    spans: ['attempt'],
  },
  breaker: { policy: circuitBreaker(), fn: works, spans: ['attempt'] },
}

describe('OpenTelemetry: spans keep their parents', () => {
  it.each(Object.entries(cases))('through %s', async (_, { policy, fn, spans }) => {
    await Promise.all(requests.map((request) => inSpan(request, () => policy.execute(fn()))))
    await delay(5)
    for (const children of childrenOf(requests)) expect(children.sort()).toEqual([...spans].sort())
  })

  it('through acquire and a listener of the signal', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 500, burstSize: 1 })
    const policy = timeout(10)
    const listens = ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          tracer.startSpan('aborted').end()
          resolve()
        }),
      )
    await Promise.all(
      requests.map((request) =>
        inSpan(request, async () => {
          await limiter.acquire()
          tracer.startSpan('acquired').end()
          await policy.execute(listens).catch(() => tracer.startSpan('gave up').end())
        }),
      ),
    )
    for (const children of childrenOf(requests)) expect(children.sort()).toEqual(['aborted', 'acquired', 'gave up'])
  })

  it.each(['serial', 'async'])('through the items of execute in mode %s', async (mode) => {
    const runs = requests.slice(0, 3)
    const item = (n) => inSpan(`item ${n}`, () => delay(1))
    await Promise.all(runs.map((run) => inSpan(run, () => execute(item, [0, 1, 2, 3, 4, 5, 6, 7], { mode }))))
    const wanted = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `item ${n}`)
    for (const children of childrenOf(runs)) expect(children.sort()).toEqual(wanted)
  })

  it('through stream, its source and who takes its results', async () => {
    const runs = requests.slice(0, 3)
    const source = async function* () {
      for (let n = 0; n < 8; n++) {
        await delay(1)
        tracer.startSpan('drawn').end()
        yield n
      }
    }
    const read = async () => {
      for await (const n of stream((n) => inSpan('item', async () => n), source())) tracer.startSpan(`took ${n}`).end()
    }
    await Promise.all(runs.map((run) => inSpan(run, read)))
    const wanted = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) => ['drawn', 'item', `took ${n}`]).sort()
    for (const children of childrenOf(runs)) expect(children.sort()).toEqual(wanted)
  })
})
