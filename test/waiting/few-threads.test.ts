// The promises of any-mix.test.ts and queues.test.ts in runs of a fraction of a second, always the same.
import { describe, expect, it } from 'vitest'
import { random } from '../../bench/waiting/virtual-load.mjs'
import { mostOverRate } from '../support/fullest-window.js'
import { SimulatedMachine } from './simulated-threads.js'
import { GRACE_MS, type Grant, WaitingThreads } from './waiting-threads.js'

interface Load {
  readonly threads: number
  readonly rate: number
  readonly burst: number
  readonly largestCost: number
  /** How long callers wait at most. */
  readonly patienceMs: number
  /** How often a thread loses the processor as it reads the clock, for up to 20 ms. */
  readonly stopChance?: number
  /** Of what is produced while they come; threads that are late lose what their bucket has no room for. */
  readonly served?: number
  /** By how many tokens a window may have more, since they were given back. */
  readonly extra?: number
  /** What happens in the second thread, or the only one, after half of the callers have come. */
  readonly halfway?: (limit: WaitingThreads) => unknown
}

const steady: Load = { threads: 1, rate: 100, burst: 1, largestCost: 1, patienceMs: Infinity }
const loads: [string, Load][] = [
  ['one thread', steady],
  ['one thread, costs to the burst', { ...steady, rate: 500, burst: 4, largestCost: 4 }],
  ['two threads', { ...steady, threads: 2, rate: 200 }],
  ['two threads, a large burst', { ...steady, threads: 2, rate: 200, burst: 20, largestCost: 4 }],
  ['three threads, costs to the burst', { ...steady, threads: 3, rate: 1000, burst: 3, largestCost: 3 }],
  [
    'three threads whose callers give up',
    { ...steady, threads: 3, rate: 300, burst: 6, largestCost: 3, patienceMs: 100 },
  ],
  [
    'two threads, one of which is stopped',
    {
      ...steady,
      threads: 2,
      rate: 200,
      burst: 5,
      largestCost: 2,
      served: 0.95,
      halfway: ({ threads }) => threads[1]!.clock.stop(300),
    },
  ],
  [
    'three threads that lose the processor',
    { ...steady, threads: 3, rate: 1000, burst: 8, stopChance: 0.05, served: 0.86 },
  ],
  [
    'one thread that is stopped, costs to the burst',
    {
      ...steady,
      rate: 500,
      burst: 4,
      largestCost: 4,
      served: 0.84,
      halfway: ({ threads }) => threads[0]!.clock.stop(100),
    },
  ],
  [
    'three threads, and a lower rate',
    {
      ...steady,
      threads: 3,
      rate: 400,
      burst: 6,
      largestCost: 3,
      halfway: ({ threads: [, second] }) => {
        second!.queue.change(false, () => second!.bucket.update(200, 4))
      },
    },
  ],
  [
    'two threads, and a pause',
    {
      ...steady,
      threads: 2,
      rate: 200,
      burst: 5,
      largestCost: 2,
      halfway: ({ threads }) => threads[1]!.bucket.pause(200),
    },
  ],
  [
    'two threads, and tokens that are given back',
    {
      ...steady,
      threads: 2,
      rate: 200,
      burst: 8,
      largestCost: 2,
      extra: 4,
      halfway: ({ threads: [, second] }) => second!.queue.change(true, () => second!.bucket.refund(4)),
    },
  ],
  [
    'two threads, and a bucket that is filled',
    {
      ...steady,
      threads: 2,
      rate: 200,
      burst: 8,
      largestCost: 2,
      extra: 8,
      halfway: ({ threads: [, second] }) =>
        second!.queue.change(false, () => second!.bucket.reset(second!.queue.owed())),
    },
  ],
]
const CALLERS = 240
/** Twice as many come as are served. */
const OFFERED = 2

async function play({ threads, rate, burst, largestCost, patienceMs, stopChance = 0, halfway }: Load) {
  const rng = random(threads * rate + burst)
  const machine = new SimulatedMachine(rng, { readingMs: 0.005, stopChance, longestStopMs: 20 })
  const limit = new WaitingThreads(machine, threads, rate, burst)
  const gapMs = ((1 + largestCost) / 2 / rate / OFFERED) * 1000
  let timers = 0
  let waitsWithoutTimer = 0
  for (const { clock } of limit.threads) {
    const set = clock.setTimeout.bind(clock)
    clock.setTimeout = (run, ms) => (timers++, set(run, ms))
  }
  for (let n = 0; n < CALLERS; n++) {
    const thread = limit.threads[Math.floor(rng() * threads)]!
    const cost = 1 + Math.floor(rng() * largestCost)
    thread.clock.at(n * gapMs, () => {
      thread.acquire(cost, patienceMs)
    })
  }
  const second = limit.threads[1 % threads]!
  second.clock.at((CALLERS / 2) * gapMs, () => halfway?.(limit))
  await machine.run(CALLERS * gapMs, () => {
    for (const { queue, clock } of limit.threads) if (queue.size > 0 && clock.timers === 0) waitsWithoutTimer++
  })
  const servedByThen = limit.grants.reduce((sum, { tokens }) => sum + tokens, 0)
  const producedByThen = limit.produced() + burst
  await machine.run(CALLERS * gapMs * 3 + 2000)
  return { limit, timers, waitsWithoutTimer, servedByThen, producedByThen }
}

/** By how much somebody went on later than one of another thread that came later. */
function mostOvertakenMs(grants: readonly Grant[]): number {
  let most = -Infinity
  for (const one of grants)
    for (const other of grants)
      if (other.arrival > one.arrival && other.thread !== one.thread) most = Math.max(most, one.fromMs - other.toMs)
  return most
}

describe('some threads that ask for twice as much as there is', () => {
  it.each(loads)('%s: the bound, the order, a turn for each, and no token lost', async (_, load) => {
    const { limit, timers, waitsWithoutTimer, servedByThen, producedByThen } = await play(load)
    const { grants, threads } = limit
    expect(waitsWithoutTimer).toBe(0)
    expect(threads.map(({ queue }) => queue.size)).toEqual(threads.map(() => 0))
    if (load.patienceMs === Infinity) expect(grants).toHaveLength(CALLERS)
    for (const { index } of threads) {
      const arrivals = grants.filter(({ thread }) => thread === index).map(({ arrival }) => arrival)
      expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b))
    }
    const decisions = grants.map(({ tokens, produced: [from, to] }) => ({ tokens, from, to }))
    const bound = Math.max(load.burst, load.largestCost + (load.rate * GRACE_MS) / 1000) + (load.extra ?? 0)
    expect(mostOverRate(decisions, 1)).toBeLessThanOrEqual(bound * (1 + 1e-9) + 2e-6)
    expect(servedByThen / producedByThen).toBeGreaterThan(load.served ?? 0.97)
    if (load.served === undefined) expect(mostOvertakenMs(grants)).toBeLessThanOrEqual(50)
    // A line looks when something is due, and not all the time.
    expect(timers / grants.length).toBeLessThan(2.2)
  })
})
