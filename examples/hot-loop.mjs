// A loop that decides a million times: first each call asks the limiter, then a lease.
import { RateLimiter } from 'amorsize'

const CALLS = 1_000_000
const limiter = new RateLimiter({ requestsPerSecond: 1e9, burstSize: 1e9 })

function loop(decider) {
  const start = performance.now()
  let allowed = 0
  for (let call = 0; call < CALLS; call++) if (decider.tryAcquire()) allowed++
  return `${allowed} allowed, ${(((performance.now() - start) * 1e6) / CALLS).toFixed(1)} ns each`
}

// In TypeScript and Node 24 you can write: using lease = limiter.lease({ size: 64 })
const lease = limiter.lease({ size: 64 })
for (const what of ['compiling', 'compiled']) console.log(`${what}: limiter ${loop(limiter)}; lease ${loop(lease)}`)
lease[Symbol.dispose]()

const small = new RateLimiter({ requestsPerSecond: 1, burstSize: 100 })
small.lease({ size: 64 }).tryAcquire()
console.log(`one token used, a lease holds the rest of its 64: ${small.getAvailableTokens()} left for others`)
setImmediate(() => console.log(`at the end of the turn they are back: ${Math.round(small.getAvailableTokens())}`))
