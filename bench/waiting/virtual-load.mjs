// Callers that give up, on limiters of several threads, in virtual time: what a minute of waiting shows takes a second, and is the same
// in each run.
import { RateLimiter } from '../../dist/index.js'
import { ownClocks } from '../../dist/rate-limit/own-clocks.js'
import { FakeClock } from '../../dist/testing/index.js'

/**
 * The same numbers in each run.
 *
 * @param {number} seed
 */
export function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * A clock whose timers are in whole milliseconds and late by up to 1.5 ms, as those of a loop that has nothing else to do.
 *
 * @param {FakeClock} fake
 * @param {() => number} rng
 * @returns {import('../../dist/index.js').Clock}
 */
export function lateClock(fake, rng) {
  return {
    now: () => fake.now(),
    setTimeout: (fn, ms) => fake.setTimeout(fn, Math.max(1, Math.ceil(ms - 1e-9)) + 0.02 + 1.48 * rng() ** 2),
    clearTimeout: (handle) => fake.clearTimeout(handle),
  }
}

/**
 * Limiters of several threads on one bucket, each with the timers of a loop of its own.
 *
 * @param {{ requestsPerSecond: number, burstSize: number }} policy
 * @param {number} count
 * @param {() => import('../../dist/index.js').Clock} newClock
 */
export function limitersOfThreads(policy, count, newClock) {
  const first = new RateLimiter({ ...policy, clock: newClock() })
  const handle = first.share()
  const another = () => RateLimiter.from({ ...handle, ...ownClocks.inHandle(newClock()) })
  return [first, ...Array.from({ length: count - 1 }, another)]
}

/** @type {Record<'equal' | 'two' | 'distinct', { mean: number, of: (rng: () => number) => number }>} */
export const COSTS = {
  equal: { mean: 1, of: () => 1 },
  two: { mean: 2, of: (rng) => (rng() < 0.5 ? 1 : 3) },
  distinct: { mean: 1.5, of: (rng) => 1 + rng() },
}

/**
 * How much more than the rate the fullest of all windows holds, tokens.
 *
 * @param {readonly { atMs: number, tokens: number }[]} grants - in order of time
 * @param {number} rate - per second
 */
export function mostOverRate(grants, rate) {
  let sum = 0
  let lowest = Infinity
  let most = 0
  for (const { atMs, tokens } of grants) {
    lowest = Math.min(lowest, sum - (atMs * rate) / 1000)
    sum += tokens
    most = Math.max(most, sum - (atMs * rate) / 1000 - lowest)
  }
  return most
}

/** @param {readonly { queue: number, arrival: number }[]} grants */
function outOfOrder(grants) {
  const last = new Map()
  let count = 0
  for (const { queue, arrival } of grants) {
    if (arrival < (last.get(queue) ?? -1)) count++
    last.set(queue, arrival)
  }
  return count
}

/**
 * @typedef {object} Load
 * @property {number} rate - per second
 * @property {number} burst
 * @property {number} queues - threads
 * @property {keyof typeof COSTS} costs
 * @property {number} seconds - of virtual time
 * @property {number} [offered] - times the rate; default 2
 * @property {number} [limitMs] - when a caller gives up; default 1000
 * @property {number} [seed]
 *
 * @typedef {{ acquire(tokens: number, options: { signal: AbortSignal }): Promise<void>, [Symbol.dispose](): void }} Queue
 */

/**
 * Several queues on one bucket, as threads have them, under a random load whose callers give up.
 *
 * @param {Load} load
 * @param {(load: Load, newClock: () => import('../../dist/index.js').Clock) => Queue[]} [make]
 * @returns {Promise<{ share: number, most: number, outOfOrder: number }>} `share`: of the rate; `most`: tokens over the rate in the fullest
 *   window; `outOfOrder`: callers that were passed by a later one of their thread
 */
export async function underLoad(load, make = limitersOf) {
  const { rate, queues, costs, seconds, offered = 2, limitMs = 1000, seed = 1 } = load
  const { mean, of } = COSTS[costs]
  const rng = random(seed)
  const fake = new FakeClock()
  const all = make(load, () => lateClock(fake, rng))
  /** @type {{ atMs: number, tokens: number, arrival: number, queue: number }[]} */
  const grants = []
  let arrivals = 0
  const arrive = () => {
    const queue = Math.floor(rng() * queues)
    const tokens = of(rng)
    const arrival = arrivals++
    const controller = new AbortController()
    const limit = fake.setTimeout(() => controller.abort(), limitMs)
    all[queue].acquire(tokens, { signal: controller.signal }).then(
      () => {
        fake.clearTimeout(limit)
        grants.push({ atMs: fake.now(), tokens, arrival, queue })
      },
      () => undefined,
    )
    fake.setTimeout(arrive, (mean / ((rate / 1000) * offered)) * -Math.log(rng()))
  }
  arrive()
  await fake.advance(1000 * seconds)
  const warmMs = limitMs + 500
  const served = grants.filter(({ atMs }) => atMs > warmMs).reduce((sum, { tokens }) => sum + tokens, 0)
  for (const queue of all) queue[Symbol.dispose]()
  return {
    share: served / ((rate / 1000) * (1000 * seconds - warmMs)),
    most: mostOverRate(grants, rate),
    outOfOrder: outOfOrder(grants),
  }
}

/** @type {NonNullable<Parameters<typeof underLoad>[1]>} */
function limitersOf({ rate, burst, queues }, newClock) {
  return limitersOfThreads({ requestsPerSecond: rate, burstSize: burst }, queues, newClock)
}
