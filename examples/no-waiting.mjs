// A server that answers "too many requests" at once: no caller ever waits.
import { RateLimiter, RateLimitExceeded } from 'amorsize'

const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 3, waitOnLimit: false })

async function handle(request) {
  try {
    return await limiter.execute(() => `200 answer to ${request}`)
  } catch (error) {
    if (!RateLimitExceeded.is(error)) throw error
    return `429 retry-after: ${Math.ceil(error.retryAfterMs / 1000)}`
  }
}

for (let request = 1; request <= 5; request++) console.log(await handle(request))
console.log(limiter.stats())
