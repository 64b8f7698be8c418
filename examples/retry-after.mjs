// An API can ask for a pause by a 429 with Retry-After. One call gets it, and the pause stops every call in every thread.
import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiter } from 'amorsize'

const limiter = new RateLimiter({ name: 'api', requestsPerSecond: 50, burstSize: 5 })

// Plays the API, which is overloaded for its first half second.
const busyUntil = performance.now() + 500
const request = async () => {
  await sleep(5)
  const leftMs = busyUntil - performance.now()
  return leftMs > 0 ? { status: 429, retryAfterMs: leftMs } : { status: 200 }
}

async function call(id) {
  for (;;) {
    await limiter.acquire()
    const answer = await request()
    if (answer.status === 200) return console.log(`call ${id}: 200 after ${Math.round(performance.now())} ms`)
    console.log(`call ${id}: 429, everyone pauses for ${Math.round(answer.retryAfterMs)} ms`)
    limiter.pauseFor(answer.retryAfterMs)
  }
}

await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(call))
