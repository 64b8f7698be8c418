import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { semaphores } from '../../../dist/memory/semaphore/index.js'
import type { Semaphore } from '../../../dist/memory/semaphore/semaphore.js'
import { type Gate, p99, type ServerOutcome, type ServerScenario, simulateServer } from '../support/simulated-server.js'

/** 80 s of simulated time each. */
const LENGTH_MS = 80_000
const SEEDS = [1, 2, 3]

const open: Gate = { enter: () => true, tell: () => undefined, leave: () => undefined }

function adaptive(): Gate & { readonly semaphore: Semaphore } {
  const terms = { maxConcurrent: 1000, maxQueue: 0, least: 2, shape: { rows: 1, places: 8 } }
  const semaphore = semaphores.create(terms, systemClock).subject
  return {
    semaphore,
    enter: (isHigh) => (isHigh ? semaphore.take() === undefined : semaphore.takeLow()),
    tell: (nowMs, ms) => void semaphore.ended(nowMs, ms),
    leave: () => void semaphore.give(),
  }
}

const server = { servers: 8, serviceMs: 20 } as const
const three = (): number => 3

interface Case extends ServerScenario {
  readonly name: string
  /** What the design's simulation found: goodput, and the 99th percentile over that of an idle server. */
  readonly goodput: number
  readonly p99: number
  /** Whether that is of the last quarter, after a change. */
  readonly isLast?: boolean
}

const cases: readonly Case[] = [
  { name: 'at 0.7 of its capacity', ...server, load: () => 0.7, goodput: 1, p99: 1.1 },
  { name: 'at 1.2 of it', ...server, load: () => 1.2, goodput: 0.98, p99: 1.2 },
  { name: 'at 3 times it', ...server, load: three, goodput: 0.99, p99: 1.3 },
  { name: 'with equal service times', ...server, spread: 'fixed', load: three, goodput: 1, p99: 2 },
  { name: 'with widely spread ones', ...server, spread: { sigma: 1 }, load: three, goodput: 1, p99: 1.1 },
  { name: 'of two cores and a wait', servers: 2, serviceMs: 5, waitMs: 30, load: three, goodput: 0.99, p99: 1.3 },
  { name: 'that thrashes', ...server, thrashing: 0.02, load: three, goodput: 0.93, p99: 1.3 },
  { name: 'with pauses', ...server, pause: { everyMs: 2000, forMs: 150 }, load: three, goodput: 1, p99: 1.9 },
  {
    name: 'with pauses, at 0.7',
    ...server,
    pause: { everyMs: 2000, forMs: 150 },
    load: () => 0.7,
    goodput: 0.96,
    p99: 1.8,
  },
  {
    name: 'that loses half of its servers',
    ...server,
    serversAt: { ms: 40_000, servers: 4 },
    load: () => 2,
    goodput: 0.99,
    p99: 1.3,
    isLast: true,
  },
  {
    name: 'that becomes slower by two',
    ...server,
    slowerAt: { ms: 40_000, by: 2 },
    load: () => 2,
    goodput: 0.98,
    p99: 1.2,
    isLast: true,
  },
  { name: 'that was idle before', ...server, load: (ms) => (ms < 20_000 ? 0.2 : 3), goodput: 1, p99: 1.2 },
  { name: 'under bursts', ...server, load: (ms) => (ms % 4000 < 2000 ? 0.3 : 3), goodput: 1, p99: 1.2 },
  { name: 'of 64 servers', ...server, servers: 64, load: three, goodput: 1, p99: 1.1 },
  { name: 'of 2', ...server, servers: 2, load: three, goodput: 0.99, p99: 1.4 },
  { name: 'of 1', ...server, servers: 1, load: three, goodput: 0.99, p99: 2.8 },
  { name: 'whose times come late', ...server, late: { share: 0.25, ms: 500 }, load: three, goodput: 1, p99: 1.5 },
]

function idleP99({ slowerAt, ...scenario }: Case, isLast: boolean): number {
  const serviceMs = scenario.serviceMs * (isLast ? (slowerAt?.by ?? 1) : 1)
  const { servers, spread, waitMs = 0, thrashing = 0 } = scenario
  const idle = { servers, serviceMs, waitMs, thrashing, load: () => 0.1, ...(spread === undefined ? {} : { spread }) }
  return p99(simulateServer(idle, open, 99, 200_000).latencies)
}

const mean = (outcomes: readonly ServerOutcome[], of: (outcome: ServerOutcome) => number): number =>
  outcomes.reduce((sum, outcome) => sum + of(outcome), 0) / outcomes.length

describe('an adaptive limit of a server', () => {
  it.each(cases)('$name keeps goodput and latency', { timeout: 120_000 }, (scenario) => {
    const outcomes = SEEDS.map((seed) => simulateServer(scenario, adaptive(), seed, LENGTH_MS))
    const { isLast = false } = scenario
    const ratio = mean(outcomes, (o) => p99(isLast ? o.lastLatencies : o.latencies)) / idleP99(scenario, isLast)
    const goodput = mean(outcomes, (o) => o.goodput)
    expect(Math.abs(goodput - scenario.goodput), `goodput ${goodput}`).toBeLessThanOrEqual(0.03)
    expect(Math.abs(ratio - scenario.p99), `p99 ${ratio}`).toBeLessThanOrEqual(0.2)
  })

  it('refuses hardly any of high priority while those of low priority want three times what there is', () => {
    const scenario: ServerScenario = { ...server, load: three, highShare: 0.25 }
    const outcomes = SEEDS.map((seed) => simulateServer(scenario, adaptive(), seed, LENGTH_MS))
    expect(mean(outcomes, (o) => o.refusedHigh)).toBeLessThan(0.03)
    expect(mean(outcomes, (o) => o.refusedLow)).toBeGreaterThan(0.8)
    expect(mean(outcomes, (o) => o.goodput)).toBeGreaterThan(0.96)
  })

  it.each([
    {
      name: 'under load from the start',
      scenario: { ...server, load: three },
      lengthMs: 20_000,
      fromMs: 0,
      withinMs: 500,
    },
    {
      name: 'after half of the servers are lost',
      scenario: { ...server, load: three, serversAt: { ms: 40_000, servers: 4 } },
      lengthMs: LENGTH_MS,
      fromMs: 40_000,
      withinMs: 1000,
    },
    {
      name: 'of 64 servers',
      scenario: { ...server, servers: 64, load: three },
      lengthMs: 20_000,
      fromMs: 0,
      withinMs: 5000,
    },
  ])('finds the knee within seconds $name', ({ scenario, lengthMs, fromMs, withinMs }) => {
    for (const seed of SEEDS) {
      const { semaphore, ...gate } = adaptive()
      const limits: { atMs: number; limit: number }[] = []
      const tell = (nowMs: number, ms: number): void => {
        gate.tell(nowMs, ms)
        limits.push({ atMs: nowMs, limit: semaphore.limit() })
      }
      simulateServer(scenario, { ...gate, tell }, seed, lengthMs)
      const last = limits.filter(({ atMs }) => atMs > lengthMs * 0.75).map(({ limit }) => limit)
      const settled = last.sort((a, b) => a - b)[last.length >> 1]!
      const found = limits.find(({ atMs, limit }) => atMs > fromMs && limit <= settled * 1.6 && limit >= settled / 1.6)
      expect(found!.atMs - fromMs).toBeLessThan(withinMs)
    }
  })
})
