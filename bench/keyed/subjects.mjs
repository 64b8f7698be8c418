// Limiters by key: each makes a decision function for a number of keys. All are asked for a limit that no key reaches.
import { LRUCache } from 'lru-cache'
import { TokenBucket } from 'limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { KeyedRateLimiter } from '../../dist/bundle/index.js'

/** So many at once and a second that every call is granted, and so slow a bucket that no key is idle. */
const BURST = 1e6
const PER_SECOND = 1e-3

/** The least that a bucket can be, for the cache. */
class PlainBucket {
  tokens = BURST
  atMs = performance.now()

  take() {
    const nowMs = performance.now()
    this.tokens = Math.min(BURST, this.tokens + ((nowMs - this.atMs) / 1000) * PER_SECOND)
    this.atMs = nowMs
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}

export const subjects = [
  {
    id: 'amorsize',
    title: 'amorsize KeyedRateLimiter',
    isAsync: false,
    make(capacity) {
      const limiter = new KeyedRateLimiter({ requestsPerSecond: PER_SECOND, burstSize: BURST, capacity })
      return { call: (key) => limiter.tryAcquire(key), outsideBytes: () => limiter.share().buffer.byteLength }
    },
  },
  {
    id: 'rate-limiter-flexible',
    title: 'rate-limiter-flexible memory',
    isAsync: true,
    make() {
      const limiter = new RateLimiterMemory({ points: BURST, duration: 3600 })
      return { call: (key) => limiter.consume(key), outsideBytes: () => 0 }
    },
  },
  {
    id: 'limiter',
    title: 'limiter TokenBucket in a Map',
    isAsync: false,
    make() {
      const buckets = new Map()
      const call = (key) => {
        let bucket = buckets.get(key)
        if (bucket === undefined) {
          bucket = new TokenBucket({ bucketSize: BURST, tokensPerInterval: 1, interval: 1e6 })
          bucket.content = BURST
          buckets.set(key, bucket)
        }
        return bucket.tryRemoveTokens(1)
      }
      return { call, outsideBytes: () => 0 }
    },
  },
  {
    id: 'lru-cache',
    title: 'lru-cache with a bucket each',
    isAsync: false,
    make(capacity) {
      const buckets = new LRUCache({ max: capacity })
      const call = (key) => {
        let bucket = buckets.get(key)
        if (bucket === undefined) buckets.set(key, (bucket = new PlainBucket()))
        return bucket.take()
      }
      return { call, outsideBytes: () => 0 }
    },
  },
]
