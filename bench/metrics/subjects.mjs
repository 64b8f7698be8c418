// The hot paths that are measured, alone and while exporters look. Nothing waits, fails or is refused.
import {
  bulkhead,
  circuitBreaker,
  KeyedRateLimiter,
  pipeline,
  RateLimiter,
  retry,
  timeout,
} from '../../dist/bundle/index.js'
import { KEY, PLENTY } from '../support/limits.mjs'

const policy = { requestsPerSecond: PLENTY, burstSize: PLENTY }
const answer = async () => 1

/** By name: what is timed, and how to make it with the objects that exporters are told of. `name` is one that no other process uses. */
export const subjects = {
  limiter: {
    call: 'limiter.tryAcquire()',
    path: 'allowed',
    make() {
      const limiter = new RateLimiter(policy)
      return { objects: { limiter }, run: () => limiter.tryAcquire() }
    },
  },
  machine: {
    call: "limiter.tryAcquire(), scope 'machine'",
    path: 'allowed',
    make(name) {
      const limiter = new RateLimiter({ ...policy, name, scope: 'machine' })
      return { objects: { limiter }, run: () => limiter.tryAcquire() }
    },
  },
  keyed: {
    call: 'keyed.tryAcquire(key)',
    path: 'allowed',
    make() {
      const keyed = new KeyedRateLimiter({ ...policy, capacity: 1024 })
      return { objects: { keyed }, run: () => keyed.tryAcquire(KEY) }
    },
  },
  awaited: {
    call: 'await limiter.acquire()',
    path: 'await',
    make() {
      const limiter = new RateLimiter(policy)
      return { objects: { limiter }, run: () => limiter.acquire() }
    },
  },
  retry: {
    call: 'await retry.execute(fn)',
    path: 'await',
    make() {
      const again = retry({ maxRetries: 3 })
      return { objects: { again }, run: () => again.execute(answer) }
    },
  },
  policies: {
    call: 'await pipeline(retry, breaker, bulkhead, timeout).execute(fn)',
    path: 'await',
    make() {
      const parts = {
        again: retry({ maxRetries: 3 }),
        breaker: circuitBreaker(),
        slots: bulkhead({ maxConcurrent: 10 }),
        inTime: timeout(1000),
      }
      const all = pipeline(...Object.values(parts))
      return { objects: parts, run: () => all.execute(answer) }
    },
  },
}

/** What looks at the objects meanwhile. */
export const WATCHERS = { none: 'nobody', exporters: 'prom-client, OpenTelemetry, text' }
