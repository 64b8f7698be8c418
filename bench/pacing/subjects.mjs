// The limiters whose waiters are timed: each returns a function that queues one waiter and calls `released` when it may go.

/** @typedef {(released: () => void) => void} Enqueue */

/** @type {Record<string, { title: string, make: (rate: number, burst: number) => Promise<Enqueue> }>} */
export const subjects = {
  amorsize: {
    title: 'amorsize',
    async make(rate, burst) {
      const { RateLimiter } = await import('../../dist/index.js')
      const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize: burst })
      return (released) => void limiter.acquire().then(released)
    },
  },
  limiter: {
    title: 'limiter TokenBucket',
    async make(rate, burst) {
      const { TokenBucket } = await import('limiter')
      const bucket = new TokenBucket({ bucketSize: burst, tokensPerInterval: rate, interval: 1000 })
      return (released) => void bucket.removeTokens(1).then(released)
    },
  },
  'p-queue': {
    title: 'p-queue',
    async make(rate, burst) {
      const { default: PQueue } = await import('p-queue')
      const queue = new PQueue({ intervalCap: burst, interval: (burst * 1000) / rate })
      return (released) => void queue.add(released)
    },
  },
}
