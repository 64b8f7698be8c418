// Rows of the table that are measured in virtual time; see table.mjs.
import { RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { COSTS, lateClock, limitersOfThreads, random, underLoad } from './virtual-load.mjs'

/** @param {Omit<import('./virtual-load.mjs').Load, 'seconds'> & { seconds?: number }} load */
export async function shareServed({ seconds = 30, ...load }) {
  const { share } = await underLoad({ seconds, ...load })
  return 100 * share
}

/** In % of the rate: the least of `threads` threads that together have more callers than can be served in time. @param {number} threads */
export async function rateKept(threads) {
  let least = Infinity
  for (const [requestsPerSecond, burstSize] of [
    [1000, 1],
    [1000, 10],
    [10_000, 1],
    [10_000, 10],
  ]) {
    const rng = random(5)
    const fake = new FakeClock()
    const limiters = limitersOfThreads({ requestsPerSecond, burstSize }, threads, () => lateClock(fake, rng))
    let admitted = 0
    for (let i = 0; i < 2 * requestsPerSecond; i++)
      limiters[i % threads].acquire().then(
        () => admitted++,
        () => undefined,
      )
    await fake.advance(200)
    const before = admitted
    await fake.advance(1500)
    least = Math.min(least, (100 * (admitted - before)) / (1.5 * requestsPerSecond))
    for (const limiter of limiters) limiter[Symbol.dispose]()
  }
  return least
}

/**
 * Model calls at twice what their limits allow, each of which gives up after 30 s; in % of the rate of the limit that is scarcer.
 *
 * @param {{ areBothScarce?: boolean, isEstimated?: boolean, costs?: keyof typeof COSTS, seconds?: number }} [options] - `isEstimated`: a call
 *   pays a quarter more than it then uses, and settles
 */
export async function tokensServed({
  areBothScarce = false,
  isEstimated = false,
  costs = 'equal',
  seconds = 600,
} = {}) {
  const rate = 1000
  const perCall = 1000
  const rng = random(3)
  const fake = new FakeClock()
  const clock = lateClock(fake, rng)
  const { mean, of } = COSTS[costs]
  const callsPerSecond = rate / (perCall * mean)
  const rpm = new RateLimiter({ requestsPerSecond: callsPerSecond * (areBothScarce ? 1 : 4), burstSize: 5, clock })
  const model = RateLimiter.all({ rpm, tpm: { requestsPerSecond: rate, burstSize: 5 * perCall, clock } })
  const served = { rpm: 0, tpm: 0 }
  const ask = async () => {
    const used = perCall * of(rng)
    const controller = new AbortController()
    const limit = fake.setTimeout(() => controller.abort(), 30_000)
    const tpm = isEstimated ? 1.25 * used : used
    const permit = await model.acquire({ rpm: 1, tpm }, { signal: controller.signal }).catch(() => null)
    fake.clearTimeout(limit)
    if (permit === null) return
    permit.settle({ tpm: used })
    if (fake.now() <= warmMs) return
    served.rpm++
    served.tpm += used
  }
  const warmMs = 40_000
  const next = () => {
    void ask()
    fake.setTimeout(next, (1000 / (2 * callsPerSecond)) * -Math.log(rng()))
  }
  next()
  await fake.advance(1000 * seconds)
  const measuredSeconds = seconds - warmMs / 1000
  const { requestsPerSecond } = rpm.policy
  return 100 * Math.max(served.tpm / (rate * measuredSeconds), served.rpm / (requestsPerSecond * measuredSeconds))
}

/** 16,000 callers of distinct costs give up at once: how long the next reservation waits for the token that was there, ms. */
export async function waitAfterAborts() {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 10, clock })
  limiter.tryAcquire(9)
  const controller = new AbortController()
  const waits = Array.from({ length: 16_000 }, (_, i) =>
    limiter.acquire(2 + i / 16_000, { signal: controller.signal }).catch(() => undefined),
  )
  controller.abort()
  await Promise.all(waits)
  return limiter.reserve().waitMs
}

/** How many go on in a pause of a second by what is given back in it in any way, and by what a lease has in hand. */
export async function admittedInPause() {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 20, clock })
  const all = RateLimiter.all({ limiter })
  const permit = all.tryAcquire({ limiter: 5 })
  const lease = limiter.lease({ size: 10 })
  lease.tryAcquire()
  limiter.tryAcquire(5)
  const reservation = limiter.reserve(1)
  let admitted = 0
  for (let i = 0; i < 5; i++)
    limiter.acquire().then(
      () => admitted++,
      () => undefined,
    )
  limiter.pauseFor(1000)
  if (permit !== false) permit.settle({ limiter: 1 })
  limiter.refund(2)
  reservation.cancel()
  if (lease.tryAcquire()) admitted++
  lease[Symbol.dispose]()
  await clock.advance(500)
  if (limiter.tryAcquire()) admitted++
  if (all.tryAcquire({ limiter: 1 }) !== false) admitted++
  await clock.advance(499)
  const inPause = admitted
  await clock.advance(1)
  if (admitted === inPause) throw new Error('what was given back in the pause is not there when it ends')
  limiter[Symbol.dispose]()
  return inPause
}
