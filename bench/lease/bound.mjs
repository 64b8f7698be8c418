// How far a lease exceeds the bound of its limiter: the most that any interval admitted beyond burstSize + requestsPerSecond * w.
// On a clock of the program's own, so the same figures come out on every machine.
import { RateLimiter } from '../../dist/bundle/index.js'
import { excessOf as mostAbove } from '../redis/excess.mjs'
import { randomNumbers } from '../support/random-numbers.mjs'

const RATE = 1000
const BURST = 100
const TURNS = 3000

/**
 * Lets threads (objects that share one bucket) take tokens in turns of the event loop, each longer and greedier than the limit allows.
 *
 * @param {number | null} size - of the lease; null: without one
 * @param {number} threads - how many leases are open at a time
 * @returns {Promise<number>} tokens above the bound, at most
 */
export async function excessOf(size, threads) {
  const random = randomNumbers(12345)
  let nowMs = 0
  const clock = { now: () => nowMs, setTimeout, clearTimeout }
  const limiter = new RateLimiter({ requestsPerSecond: RATE, burstSize: BURST, clock })
  const deciders = Array.from({ length: threads }, () => {
    const shared = RateLimiter.from(limiter.share())
    return size === null ? shared : shared.lease({ size })
  })
  const admittedAtMs = []
  for (let turn = 0; turn < TURNS; turn++) {
    const steps = 1 + Math.floor(random() * 20)
    for (let step = 0; step < steps; step++) {
      nowMs += random() < 0.02 ? random() * 150 : random()
      for (let call = Math.floor(random() * 8); call > 0; call--) {
        if (deciders[Math.floor(random() * threads)].tryAcquire()) admittedAtMs.push(nowMs)
      }
    }
    await new Promise((resolve) => setImmediate(resolve)) // what is left goes back
  }
  return Math.max(0, mostAbove(admittedAtMs, RATE, BURST))
}
