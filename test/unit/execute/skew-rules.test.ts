import { describe, expect, it } from 'vitest'
import { heldMs, shareOf } from '../../../dist/execute/schedule/chunk-size.js'
import { isUneven, Timing } from '../../../dist/execute/schedule/timing.js'

// Two cores, simulated: one worker that is sent objects by a thread that runs some itself, and can send only between its own items; and,
// where the rule asks for it, a second worker in the place of that thread. Times are the items' own, so the outcome is always the same.

const CHUNK_MS = 4
const SPAWN_MS = 45

interface Rules {
  readonly holdsForLongest: boolean
  readonly leavesUneven: boolean
}
const all: Rules = { holdsForLongest: true, leavesUneven: true }
const none: Rules = { holdsForLongest: false, leavesUneven: false }

/** @returns how many times as fast as a loop over the same items */
function speedUp(items: readonly number[], { holdsForLongest, leavesUneven }: Rules): number {
  const timing = new Timing()
  const paceOfWorkers = new Timing()
  let next = 0
  let workerMs = items[0] ?? 1
  const remaining = (): number => items.length - next
  const take = (lanes: number, target: number): number[] => {
    const chunk = items.slice(next, next + shareOf(remaining(), lanes, workerMs, target))
    next += chunk.length
    return chunk
  }
  /** What each worker holds, and until when it is at what it has begun. */
  const workers = [{ queue: [] as number[], untilMs: 0 }]
  const runTo = (nowMs: number): void => {
    for (const worker of workers) {
      while (worker.untilMs <= nowMs && worker.queue.length > 0) {
        const ms = worker.queue.shift()!
        workerMs += (ms - workerMs) / 8
        paceOfWorkers.add(1, ms)
        worker.untilMs += ms
      }
      if (worker.queue.length === 0) worker.untilMs = Math.max(worker.untilMs, nowMs)
    }
  }
  const fill = (isHere: boolean): void => {
    for (const { queue } of workers) {
      const wantedMs = heldMs(CHUNK_MS, isHere && holdsForLongest ? Math.max(timing.mostMs, paceOfWorkers.mostMs) : 0)
      const itemMs = holdsForLongest && paceOfWorkers.leastMs > 0 ? paceOfWorkers.leastMs : workerMs
      while (
        remaining() > 0 &&
        (queue.length === 0 || (queue.length * itemMs < wantedMs && 2 * queue.length < remaining()))
      )
        queue.push(...take(workers.length + (isHere ? 1 : 0), CHUNK_MS))
    }
  }
  let nowMs = 0
  let secondAtMs = Infinity
  while (next < items.length || workers.some(({ queue }) => queue.length > 0)) {
    if (nowMs >= secondAtMs && workers.length === 1) workers.push({ queue: [], untilMs: nowMs })
    const isHere = workers.length === 1
    fill(isHere)
    runTo(nowMs)
    fill(isHere)
    if (isHere) {
      // What waits in the worker is taken back where nothing else is left.
      const own = remaining() > 0 ? take(2, 1) : workers[0]!.queue.splice(-1)
      for (const ms of own) {
        nowMs += ms
        timing.add(1, ms)
      }
      if (leavesUneven && secondAtMs === Infinity && isUneven(timing) && remaining() * timing.itemMs > 5 * SPAWN_MS)
        secondAtMs = nowMs + SPAWN_MS
      if (own.length === 0) nowMs = Math.max(nowMs, workers[0]!.untilMs)
      continue
    }
    // This thread only sends, as soon as a worker is through with an item.
    const [first, second] = workers as [(typeof workers)[0], (typeof workers)[0]]
    const idle = workers.find(({ queue, untilMs }) => queue.length === 0 && untilMs <= nowMs)
    const other = idle === first ? second : first
    if (idle !== undefined && remaining() === 0 && other.queue.length > 0) idle.queue.push(other.queue.pop()!)
    else nowMs = Math.max(nowMs + 0.01, Math.min(first.untilMs, second.untilMs))
  }
  const endMs = Math.max(nowMs, ...workers.map(({ untilMs }) => untilMs))
  return items.reduce((sum, ms) => sum + ms, 0) / endMs
}

/** The same numbers on every run. */
function random(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

const shapes: Record<string, (seed: number) => number[]> = {
  'every 20th takes 40 ms, others 2 ms': () => Array.from({ length: 1000 }, (_, i) => (i % 20 === 19 ? 40 : 2)),
  'the same in no order': (seed) => {
    const next = random(seed)
    return Array.from({ length: 1000 }, () => (next() < 0.05 ? 40 : 2))
  },
  'files of all sizes, one 155 times the mean': (seed) => {
    const next = random(seed)
    const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
    const files = Array.from({ length: 600 }, () => 1.5 * Math.exp(1.2 * normal()))
    files[300] = 155
    return files
  },
}

describe.each(Object.entries(shapes))('simulated: %s', (_, make) => {
  const runs = (rules: Rules): number[] => Array.from({ length: 20 }, (__, seed) => speedUp(make(seed + 1), rules))
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

  it('takes two cores at least 1.9 times less than one', () => {
    expect(mean(runs(all))).toBeGreaterThanOrEqual(1.9)
    expect(Math.min(...runs(all))).toBeGreaterThanOrEqual(1.8)
  })

  it('owes that to the rules', () => {
    expect(mean(runs(none))).toBeLessThan(mean(runs(all)) - 0.03)
  })
})

describe('simulated: a run that is too short for another worker', () => {
  const items = Array.from({ length: 120 }, (_, i) => (i % 20 === 19 ? 17 : 0.9))

  it('has this thread run long items while the worker has enough short ones', () => {
    expect(speedUp(items, all)).toBeGreaterThanOrEqual(1.7)
    expect(speedUp(items, none)).toBeLessThan(speedUp(items, all) - 0.1)
  })
})

it('workers hold what lasts for the longest item to be expected, within bounds', () => {
  expect(heldMs(4, 0)).toBe(8)
  expect(heldMs(4, 40)).toBe(40)
  expect(heldMs(4, 10_000)).toBe(256)
  expect(heldMs(1000, 10_000)).toBe(2000)
})
