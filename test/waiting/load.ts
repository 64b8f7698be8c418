import { type Clock, RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'

/** The same numbers in each run. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A clock whose timers are in whole milliseconds and late by up to 1.5 ms, as those of a loop that has nothing else to do. */
export function lateClock(fake: FakeClock, rng: () => number): Clock & { set: number } {
  const clock = {
    set: 0,
    now: () => fake.now(),
    setTimeout: (fn: () => void, ms: number) => {
      clock.set++
      return fake.setTimeout(fn, Math.max(1, Math.ceil(ms - 1e-9)) + 0.02 + 1.48 * rng() ** 2)
    },
    clearTimeout: (handle: unknown) => fake.clearTimeout(handle),
  }
  return clock
}

interface Grant {
  readonly atMs: number
  readonly tokens: number
  readonly arrival: number
  readonly queue: number
}

/** How much more than the rate the fullest of all windows holds. */
function mostOverRate(grants: readonly Grant[], rate: number): number {
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

function outOfOrder(grants: readonly Grant[]): number {
  const last = new Map<number, number>()
  let count = 0
  for (const { queue, arrival } of grants) {
    if (arrival < (last.get(queue) ?? -1)) count++
    last.set(queue, arrival)
  }
  return count
}

export const COSTS = {
  equal: () => 1,
  two: (rng: () => number) => (rng() < 0.5 ? 1 : 3),
  distinct: (rng: () => number) => 1 + rng(),
}
export const MEAN_COST = { equal: 1, two: 2, distinct: 1.5 }

/** Where callers wait: one object of one thread. */
export interface Queue extends Disposable {
  acquire(tokens: number, options: { signal: AbortSignal }): Promise<void>
}

export interface Load {
  readonly rate: number
  readonly burst: number
  readonly queues: number
  readonly costs: keyof typeof COSTS
  readonly seconds: number
  /** Of the rate. */
  readonly offered?: number
  readonly limitMs?: number
  readonly seed?: number
}

/** Limiters of several threads on one bucket. */
export function limiters({ rate, burst, queues }: Load, clock: Clock): Queue[] {
  const first = new RateLimiter({ requestsPerSecond: rate, burstSize: burst, clock })
  return [first, ...Array.from({ length: queues - 1 }, () => RateLimiter.from(first.share()))]
}

/** Several queues on one bucket, as threads have them, under a random load whose callers give up. */
export async function underLoad(load: Load, make: typeof limiters = limiters) {
  const { rate, queues, costs, seconds, offered = 2, limitMs = 1000, seed = 1 } = load
  const rng = random(seed)
  const fake = new FakeClock()
  const all = make(load, lateClock(fake, rng))
  const grants: Grant[] = []
  let arrivals = 0
  const arrive = (): void => {
    const queue = Math.floor(rng() * queues)
    const tokens = COSTS[costs](rng)
    const arrival = arrivals++
    const controller = new AbortController()
    const limit = fake.setTimeout(() => controller.abort(), limitMs)
    void all[queue]!.acquire(tokens, { signal: controller.signal }).then(
      () => {
        fake.clearTimeout(limit)
        grants.push({ atMs: fake.now(), tokens, arrival, queue })
      },
      () => undefined,
    )
    fake.setTimeout(arrive, (MEAN_COST[costs] / ((rate / 1000) * offered)) * -Math.log(rng()))
  }
  arrive()
  await fake.advance(1000 * seconds)
  const warmMs = limitMs + 500
  const served = grants.filter(({ atMs }) => atMs > warmMs).reduce((sum, { tokens }) => sum + tokens, 0)
  for (const queue of all) queue[Symbol.dispose]()
  return {
    /** Of the rate, after a time to warm up. */
    share: served / ((rate / 1000) * (1000 * seconds - warmMs)),
    most: mostOverRate(grants, rate),
    outOfOrder: outOfOrder(grants),
  }
}
