import { expect, it } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import type { Bucket } from '../../../dist/memory/bucket/bucket.js'
import { buckets } from '../../../dist/memory/bucket/index.js'
import { keyedTables } from '../../../dist/memory/keyed/index.js'
import type { MachineRegion } from '../../../dist/memory/machine/regions.js'
import { describeRegion } from '../../../dist/memory/machine/view.js'
import { semaphores } from '../../../dist/memory/semaphore/index.js'
import { SHARED_SHAPE } from '../../../dist/memory/semaphore/semaphore.js'
import {
  BREAKER,
  BUCKET,
  KEYED,
  KIND,
  kindWord,
  NAMED_BUCKET,
  RETRY_BUDGET,
  SEMAPHORE,
  WAITERS,
} from '../../../dist/memory/shared/layout.js'
import { describeWithAddon } from '../../support/native.js'
import { wordsAt } from '../../support/words.js'

/** A region as a reader copies it, with `values` by word. */
function regionOf(kind: number, values: Record<number, bigint>, more: Partial<MachineRegion> = {}): MachineRegion {
  const words = new BigInt64Array(2096)
  words[0] = kindWord(kind)
  for (const [index, value] of Object.entries(values)) words[Number(index)] = value
  return {
    file: '/memory/amorsize.0.1.x',
    bytes: 4480,
    state: 'ready',
    name: 'a',
    kind,
    processes: [7],
    words,
    ...more,
  }
}

function bucketOf(requestsPerSecond: number, burstSize: number, change: (bucket: Bucket) => void): MachineRegion {
  const region = regionOf(KIND.tokenBucket, {})
  const { subject, address } = buckets.create({ requestsPerSecond, burstSize }, systemClock)
  change(subject)
  region.words.set(wordsAt(address, BUCKET.cells))
  return region
}

const doubleToBits = (value: number): bigint => new BigInt64Array(Float64Array.of(value).buffer)[0]!
/** The words of a bulkhead with so many permits in use, and with such limits. */
const used = (count: bigint): bigint => BigInt.asIntN(64, (count << 44n) | 12345n)
const limitsOf = (most: bigint): Record<number, bigint> => ({
  [SEMAPHORE.terms]: most << BigInt(SEMAPHORE.termsMostShift),
  [SEMAPHORE.shape]: (63n << 16n) | 512n,
})

describeWithAddon('what a reader sees of', () => {
  it('a limiter', () => {
    const region = bucketOf(1e-6, 10, (bucket) => bucket.tryAcquire(3))
    region.words[NAMED_BUCKET.allowed] = 5n
    region.words[NAMED_BUCKET.denied] = 2n
    const entry = describeRegion(region)
    expect(entry).toMatchObject({
      kind: 'limiter',
      state: 'ready',
      requestsPerSecond: 1e-6,
      burstSize: 10,
      debt: 0,
      pausedMs: null,
      allowed: 5,
      denied: 2,
      breaker: null,
      permits: null,
    })
    expect(entry.tokens).toBeCloseTo(7, 3)
  })

  it('a limiter in debt', () => {
    const region = bucketOf(1e-6, 10, (bucket) => {
      bucket.reserve(10, Infinity)
      bucket.reserve(4, Infinity)
    })
    expect(describeRegion(region)).toMatchObject({ tokens: 0 })
    expect(describeRegion(region).debt).toBeCloseTo(4, 3)
  })

  it('a limiter for which callers wait: all rows of theirs, but no more than there is room for', () => {
    const region = bucketOf(0.001, 10, (bucket) => bucket.tryAcquire(10))
    const first = NAMED_BUCKET.cells * 8
    const { words } = region
    const nowNs = process.hrtime.bigint()
    words[first] = kindWord(KIND.waiters)
    words[first + WAITERS.rows] = 1_000_000n
    words[first + WAITERS.used] = 1_000_000n
    for (const [row, waiting] of [2500n, 1500n].entries()) {
      const at = first + WAITERS.firstRow + row * 8
      words[at + WAITERS.owner] = 7n
      words[at + WAITERS.waiting] = waiting
      words[at + WAITERS.lookAtNs] = nowNs
    }
    const { waiting, retryAfterMs } = describeRegion(region)
    expect(waiting).toBe(4)
    expect(retryAfterMs).toBeLessThanOrEqual(5_000_000)
    expect(retryAfterMs).toBeGreaterThan(4_900_000)
  })

  it('a limiter that is paused', () => {
    const { pausedMs } = describeRegion(bucketOf(10, 10, (bucket) => bucket.pause(60_000)))
    expect(pausedMs).toBeGreaterThan(30_000)
    expect(pausedMs).toBeLessThanOrEqual(60_000)
  })

  it('a limiter copied just as its parameters changed: nothing, rather than a mixture', () => {
    const region = bucketOf(10, 10, () => undefined)
    region.words[8] = 1n // the slot's generation; `hot` has 0
    expect(describeRegion(region)).toMatchObject({
      kind: 'limiter',
      state: 'ready',
      tokens: null,
      requestsPerSecond: null,
    })
  })

  it('a keyed limiter', () => {
    const region = regionOf(KIND.keyedTable, { [KEYED.rate]: doubleToBits(2.5), [KEYED.burst]: doubleToBits(8) })
    expect(describeRegion(region)).toMatchObject({
      kind: 'keyed limiter',
      requestsPerSecond: 2.5,
      burstSize: 8,
      tokens: null,
    })
  })

  it.each([
    ['all groups of a small table', 20, 7, 7, 7],
    ['a part of a large one', 10_000, 5000, 4000, 6000],
  ])('a keyed limiter by %s: how many keys there are', (_, capacity, used, least, most) => {
    const asked = { rate: 1e-6, burst: 5, capacity, evicts: true }
    const { subject: table, address } = keyedTables.create(asked, systemClock)
    for (let key = 0; key < used; key++) table.tryAcquire(key, 1)
    const words = wordsAt(address).slice(0, 2096)
    for (const [word, count] of [
      [KEYED.allowed, 70n],
      [KEYED.denied, 5n],
    ] as const)
      words[word] = count
    // No more than a reader copies.
    const region = regionOf(KIND.keyedTable, {}, { words })
    const { keys, ...others } = describeRegion(region)
    expect(others).toMatchObject({
      keyCapacity: capacity,
      burstSize: 5,
      state: 'ready',
      allowed: 70,
      denied: 5,
      evicted: 0,
    })
    expect(keys).toBeGreaterThanOrEqual(least)
    expect(keys).toBeLessThanOrEqual(most)
  })

  it.each([
    [0, 'closed'],
    [1, 'open'],
    [2, 'half-open'],
    [3, 'isolated'],
  ])('a breaker in state %i: %s', (state, word) => {
    expect(
      describeRegion(
        regionOf(KIND.circuitBreaker, { [BREAKER.control]: (5n << BigInt(BREAKER.generationShift)) | BigInt(state) }),
      ),
    ).toMatchObject({ kind: 'breaker', breaker: word })
  })

  it('a bulkhead', () => {
    const permits = (most: bigint, count: bigint): unknown[] => {
      const values = { ...limitsOf(most), [SEMAPHORE.maxConcurrent]: 3n, [SEMAPHORE.hot]: used(count) }
      const seen = describeRegion(regionOf(KIND.semaphore, values))
      return [seen.permits, seen.maxConcurrent]
    }
    const most = 1_048_575n
    expect([permits(10n, 0n), permits(10n, 7n), permits(most, most)]).toEqual([
      [0, 10],
      [7, 10],
      [1_048_575, 1_048_575],
    ])
    // After it was lowered.
    expect(permits(2n, 7n)).toEqual([7, 2])
  })

  it('an adaptive bulkhead: as many as may be in use now', () => {
    const asked = { maxConcurrent: 40, maxQueue: 0, least: 2, shape: SHARED_SHAPE }
    const { subject, address } = semaphores.create(asked, systemClock)
    const most = (): number | null =>
      describeRegion(regionOf(KIND.semaphore, {}, { words: wordsAt(address, SEMAPHORE.cells + 1) })).maxConcurrent
    const first = subject.limit()
    expect(most()).toBe(first)
    while (subject.take() === undefined);
    // Ten calls that time limits cut off lower it.
    for (let call = 0; call < 11; call++) subject.ended(call === 0 ? 1000 : 1101, -1)
    expect(subject.limit()).toBeLessThan(first)
    expect(most()).toBe(subject.limit())
  })

  it('a bulkhead without a slot: none', () => {
    const state = (most: bigint): string => describeRegion(regionOf(KIND.semaphore, limitsOf(most))).state
    expect([state(1n), state(0n)]).toEqual(['ready', 'not-a-region'])
  })

  it.each([
    [0, 5, false],
    [-1, 5, false],
    [NaN, 5, false],
    [2e15, 5, false],
    [1e15, 5, true],
    [1e-6, 0.5, false],
    [1e-6, 1, true],
    [1e-6, 1e15, true],
    [1e-6, 2e15, false],
  ])('limits of %d per second and a burst of %d: some (%s)', (rate, burst, isSome) => {
    const keyed = { [KEYED.rate]: doubleToBits(rate), [KEYED.burst]: doubleToBits(burst) }
    const bucket = bucketOf(1e-6, 5, () => undefined)
    bucket.words[BUCKET.firstSlot + BUCKET.rate] = doubleToBits(rate)
    bucket.words[BUCKET.firstSlot + BUCKET.burst] = doubleToBits(burst)
    for (const region of [regionOf(KIND.keyedTable, keyed), bucket]) {
      const { state, requestsPerSecond } = describeRegion(region)
      expect([state, requestsPerSecond]).toEqual(isSome ? ['ready', rate] : ['not-a-region', null])
    }
  })

  it.each([
    [KIND.tokenBucket, 'limiter', NAMED_BUCKET.cells + 1],
    [KIND.keyedTable, 'keyed limiter', KEYED.headerCells],
    [KIND.keyedWindow, 'keyed window', KEYED.headerCells],
    [KIND.semaphore, 'bulkhead', SEMAPHORE.cells],
    [KIND.circuitBreaker, 'breaker', BREAKER.headCells],
    [KIND.retryBudget, 'retry budget', RETRY_BUDGET.cells],
  ])('a region of kind %i, which is called %s, with less than its kind has: none', (number, title, cells) => {
    const rates = { [KEYED.rate]: doubleToBits(2.5), [KEYED.burst]: doubleToBits(8) }
    const values = number === KIND.semaphore ? limitsOf(1n) : rates
    const { words } = number === KIND.tokenBucket ? bucketOf(1, 1, () => undefined) : regionOf(number, values)
    const stateOf = (count: number): string => {
      const { kind, state } = describeRegion(regionOf(number, {}, { words: words.subarray(0, count) }))
      expect(kind).toBe(title)
      return state
    }
    expect([stateOf(8 * cells), stateOf(8 * (cells - 1))]).toEqual(['ready', 'not-a-region'])
  })

  it('a kind it does not know, and one whose cells are not of its kind', () => {
    expect(describeRegion(regionOf(99, {}))).toMatchObject({ kind: 'kind 99', state: 'ready' })
    expect(describeRegion(regionOf(KIND.tokenBucket, { 0: 0n }))).toMatchObject({
      kind: 'limiter',
      state: 'not-a-region',
      tokens: null,
    })
    expect(
      describeRegion(regionOf(1, {}, { kind: null, name: null, state: 'unfinished', words: new BigInt64Array(0) })),
    ).toMatchObject({ kind: 'unknown', state: 'unfinished' })
  })
})
