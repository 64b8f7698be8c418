import { RateLimiter, type RateLimitPolicy } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { outcomeOf } from './policies.js'

/** A limiter on a clock that the test moves. */
export function limited(policy: Partial<RateLimitPolicy> = {}): { clock: FakeClock; limiter: RateLimiter } {
  const clock = new FakeClock()
  return { clock, limiter: new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock, ...policy }) }
}

/** Starts `count` waits and notes when each ends, by the clock; waits that fail are noted as NaN. */
export function startWaits(clock: FakeClock, limiter: RateLimiter, count: number): number[] {
  const endedAt: number[] = []
  for (let index = 0; index < count; index++) {
    void outcomeOf(clock, limiter.acquire()).then((outcome) => endedAt.push('error' in outcome ? NaN : outcome.atMs))
  }
  return endedAt
}

/** How many calls in a row are granted now. */
export function drain(limiter: RateLimiter, tokens = 1): number {
  let granted = 0
  while (limiter.tryAcquire(tokens)) granted++
  return granted
}

let names = 0

/** A name that no other test of this process uses: names live as long as the process. */
export function freshName(): string {
  return `test-${process.pid}-${names++}`
}
