// What names of the machine and keys cost, in numbers of things: the same for each, however many there have been. Times are in `npm run bench -- machine keyed`.
import { readFileSync, readdirSync } from 'node:fs'
import { expect, vi } from 'vitest'
import { type Clock, KeyedRateLimiter, RateLimiter } from '../../dist/index.js'
import { timersOf } from '../../dist/internal/time/timers.js'
import { readMachine } from '../../dist/memory/machine/view.js'
import { FakeClock } from '../../dist/testing/index.js'
import { DIRECTORY, machineName, removeRegions } from '../support/machine.js'
import { leftByARound, LITTLE_NOISE_BYTES, medianOf, NOISE_BYTES, settledBytes } from '../support/memory.js'

/** So many files are there at once; each takes 24 KiB of memory. */
const MOST_FILES = 1000

/** In so many parts the names in use are made. Medians of halves are compared: V8 at times keeps 1.4 MB more for itself after one part. */
const PARTS = 10

const policyOf = (name: string) => ({ name, scope: 'machine', requestsPerSecond: 1e-6, burstSize: 10 }) as const

const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split(`${DIRECTORY}/amorsize.`).length - 1

/** What this process holds of the system for its names. */
const held = (): object => ({ mappings: mappings(), descriptors: readdirSync('/proc/self/fd').length })

/** Makes a name, uses it in two places, has a caller of every tenth wait, and disposes of both. */
function useName(index: number): void {
  const name = machineName()
  const [first, second] = [new RateLimiter(policyOf(name)), new RateLimiter(policyOf(name))]
  first.tryAcquire(10)
  if (index % 10 === 0) second.acquire().catch(() => undefined)
  first[Symbol.dispose]()
  second[Symbol.dispose]()
}

/** Names that are made and disposed leave nothing: neither mapping nor descriptor, nor bytes of the heap. */
export async function expectNothingLeftOf(names: number): Promise<void> {
  const perRound = Math.ceil(names / leftByARound.rounds)
  const round = (): void => {
    for (let i = 0; i < perRound; i++) {
      useName(i)
      if (i % MOST_FILES === MOST_FILES - 1) removeRegions()
    }
    removeRegions()
  }
  const before = held()
  expect(await leftByARound(round, 'heapUsed', 'external')).toBeLessThan(NOISE_BYTES)
  expect(held()).toEqual(before)
}

/** Names that are in use: a mapping and a row each, one timer for all, and as many bytes for the last as for the first. */
export async function expectTheSameOfEach(names: number): Promise<void> {
  const before = mappings()
  const setTimer = vi.spyOn(globalThis, 'setInterval')
  const limiters: RateLimiter[] = []
  const bytes: number[] = []
  try {
    for (let part = 0; part < PARTS; part++) {
      const start = await settledBytes('heapUsed', 'external')
      for (let i = 0; i < names / PARTS; i++) {
        const limiter = new RateLimiter(policyOf(machineName()))
        limiter.tryAcquire()
        limiters.push(limiter)
      }
      bytes.push((await settledBytes('heapUsed', 'external')) - start)
    }
    expect(setTimer.mock.calls.length).toBeLessThanOrEqual(1)
  } finally {
    setTimer.mockRestore()
  }
  expect(mappings()).toBe(before + names)
  const ours = new Set(limiters.map(({ policy }) => policy.name))
  const entries = readMachine().filter(({ name }) => name !== null && ours.has(name))
  expect(entries.map(({ processes }) => processes)).toEqual(Array.from({ length: names }, () => [process.pid]))
  expect(medianOf(bytes.slice(PARTS / 2))).toBeLessThan(1.5 * medianOf(bytes.slice(0, PARTS / 2)) + LITTLE_NOISE_BYTES)
  for (const limiter of limiters) limiter[Symbol.dispose]()
  expect(mappings()).toBe(before)
}

class CountingClock implements Clock {
  readonly fake = new FakeClock()
  reads = 0
  timers = 0

  now(): number {
    this.reads++
    return this.fake.now()
  }

  setTimeout(fn: () => void, ms: number): unknown {
    this.timers++
    return this.fake.setTimeout(fn, ms)
  }

  clearTimeout(handle: unknown): void {
    this.fake.clearTimeout(handle)
  }
}

interface CostOfWaiting {
  readonly bytes: number
  readonly reads: number
}

/** Has a caller wait for each of so many keys; every second one gives up, the others go on. What one takes. */
async function waitForKeys(keys: number): Promise<CostOfWaiting> {
  const clock = new CountingClock()
  const limiter = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1, capacity: 2 * keys, clock })
  for (let key = 0; key < keys; key++) limiter.tryAcquire(key)
  const controller = new AbortController()
  const options = { signal: controller.signal }
  let [admitted, gone] = [0, 0]
  const before = await settledBytes('heapUsed')
  const readsBefore = clock.reads
  for (let key = 0; key < keys; key++) {
    limiter.acquire(key, 1, key % 2 === 0 ? options : undefined).then(
      () => admitted++,
      () => gone++,
    )
  }
  const reads = (clock.reads - readsBefore) / keys
  const bytes = (await settledBytes('heapUsed')) - before
  // A place in the heap of timers each, and one timer of the clock for all.
  expect([timersOf(clock).size, clock.timers, clock.fake.pendingTimers]).toEqual([keys, 1, 1])
  controller.abort()
  await clock.fake.advance(0)
  expect([gone, timersOf(clock).size, limiter.stats().waiting]).toEqual([keys / 2, keys / 2, keys / 2])
  await clock.fake.advance(2000)
  expect([admitted, timersOf(clock).size, clock.fake.pendingTimers]).toEqual([keys / 2, 0, 0])
  expect(limiter.stats()).toMatchObject({ waiting: 0 })
  // An array that was long keeps some room; each caller took far more.
  expect((await settledBytes('heapUsed')) - before).toBeLessThan(NOISE_BYTES + 16 * keys)
  expect(16).toBeLessThan(bytes / keys / 10)
  return { bytes, reads }
}

/** Keys that are waited for: each caller costs what it costs among a tenth as many, and leaves nothing. */
export async function expectTheSameOfEachKey(keys: number): Promise<void> {
  await waitForKeys(keys / 20)
  const few = await waitForKeys(keys / 10)
  const many = await waitForKeys(keys)
  expect(many.reads).toBeCloseTo(few.reads, 2)
  // Ten times as many; tables grow in steps of two.
  expect(many.bytes).toBeLessThan(15 * few.bytes + NOISE_BYTES)
}
