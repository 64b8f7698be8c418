// Book a slot now, learn how long to wait for it, and give it back if you do not need it after all.
import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiter } from 'amorsize'

const limiter = new RateLimiter({ requestsPerSecond: 5, burstSize: 1 })

const first = limiter.reserve()
const second = limiter.reserve()
const third = limiter.reserve()
for (const { waitMs } of [first, second, third]) console.log(`a slot in ${Math.round(waitMs)} ms`)

console.log(`the third is given back: ${third.cancel()} token returned`)
await sleep(second.waitMs)
console.log('the second slot is due: work')

// If the wait is too long, the reservation is refused at once, and nothing is taken.
limiter.reserve()
try {
  limiter.reserve(1, { maxWaitMs: 100 })
} catch (error) {
  console.log(`${error.code}: try again in ${Math.round(error.retryAfterMs)} ms`)
}
