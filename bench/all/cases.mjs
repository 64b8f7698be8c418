// Two limits at once: all or nothing, and what people write without it.
import { RateLimiter } from '../../dist/bundle/index.js'
import { PLENTY } from '../support/limits.mjs'

const limit = (times) => ({ requestsPerSecond: times * PLENTY, burstSize: times * PLENTY })
const MINUTE_SECONDS = 60

/** @type {import('../decide/cases.mjs').DecideCase[]} */
export const cases = [
  {
    id: 'all',
    subject: 'amorsize, RateLimiter.all',
    call: 'both.tryAcquire({ rpm: 1, tpm: 1200 })',
    package: null,
    role: 'ours',
    path: 'allowed',
    async make() {
      const both = RateLimiter.all({ rpm: limit(1), tpm: limit(1000) })
      return () => both.tryAcquire({ rpm: 1, tpm: 1200 }) !== false
    },
  },
  {
    id: 'pair',
    subject: 'amorsize, one after the other (a refusal of the second uses up the first)',
    call: 'rpm.tryAcquire() && tpm.tryAcquire(1200)',
    package: null,
    role: 'floor',
    path: 'allowed',
    async make() {
      const [rpm, tpm] = [new RateLimiter(limit(1)), new RateLimiter(limit(1000))]
      return () => rpm.tryAcquire() && tpm.tryAcquire(1200)
    },
  },
  {
    id: 'all-await',
    subject: 'amorsize, RateLimiter.all',
    call: 'await both.acquire({ rpm: 1, tpm: 1200 })',
    package: null,
    role: 'ours',
    path: 'await',
    async make() {
      const both = RateLimiter.all({ rpm: limit(1), tpm: limit(1000) })
      return () => both.acquire({ rpm: 1, tpm: 1200 })
    },
  },
  {
    id: 'union-await',
    subject: 'rate-limiter-flexible RateLimiterUnion (one point of each; a refusal uses up the other)',
    call: "await union.consume('key')",
    package: 'rate-limiter-flexible',
    role: 'rival',
    path: 'await',
    async make() {
      const { RateLimiterMemory, RateLimiterUnion } = await import('rate-limiter-flexible')
      const memory = (keyPrefix) => new RateLimiterMemory({ keyPrefix, points: PLENTY, duration: MINUTE_SECONDS })
      const union = new RateLimiterUnion(memory('rpm'), memory('tpm'))
      return () => union.consume('key')
    },
  },
]
