import fc from 'fast-check'
import { expect } from 'vitest'
import { nativeAddon } from '../../dist/internal/native.js'
import { CELL_BYTES, SEMAPHORE, WORDS_PER_CELL } from '../../dist/memory/shared/layout.js'
import { NativeSemaphore } from '../../dist/memory/semaphore/native.js'
import { allocateCells } from '../../dist/memory/shared/region.js'
import { SemaphoreCore } from '../../dist/memory/semaphore/core.js'
import { cellsOf, type Semaphore, type SemaphoreLimits } from '../../dist/memory/semaphore/semaphore.js'
import { TwinSemaphore } from '../../dist/memory/semaphore/twin.js'

/** So few places that the queue runs over. */
const SHAPE = { rows: 3, places: 8 }

const operationsOf = <K extends string>(kind: fc.Arbitrary<K>, ms: fc.Arbitrary<number>) =>
  fc.record({
    kind,
    owner: fc.nat({ max: SHAPE.rows - 1 }),
    /** Of a call that ends: how much time has passed since the last one, and what it took; below 0 it was cut off. */
    passedMs: fc.nat({ max: 40 }),
    ms,
    /** Of a change. */
    change: fc.record(
      {
        maxConcurrent: fc.integer({ min: 1, max: 8 }),
        maxQueue: fc.constantFrom(Infinity, 0, 2, 12, SEMAPHORE.mostQueue, 2 ** 40),
        least: fc.integer({ min: 1, max: 4 }),
      },
      { requiredKeys: [] },
    ),
  } as const)
const operations = operationsOf(
  fc.constantFrom(
    'take',
    'acquire',
    'acquire',
    'acquire',
    'give',
    'give',
    'cancel',
    'collect',
    'collect',
    'collect',
    'held',
    'available',
    'waiting',
    'takeLow',
    'limit',
    'limits',
    'inUse',
    'ended',
    'update',
    'update',
    'reclaim',
    'reclaim',
  ),
  fc.oneof(fc.constant(-1), fc.double({ min: 0, max: 30, noNaN: true }), fc.constantFrom(1e9, 0)),
)
/** More wait than there are places for in the queue, and an adaptive limit falls below what is in use. */
const crowd = operationsOf(
  fc.constantFrom(
    ...(['acquire', 'acquire', 'acquire', 'acquire', 'ended', 'ended', 'ended', 'give', 'cancel', 'update'] as const),
    'reclaim',
  ),
  fc.constantFrom(-1, -1, -1, 10),
)
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never

/** Fixed limits, and adaptive ones. */
const limitsOf = (mostQueued: number): fc.Arbitrary<SemaphoreLimits> =>
  fc.oneof(
    fc.record({
      maxConcurrent: fc.integer({ min: 1, max: 4 }),
      maxQueue: fc.oneof(fc.constant(Infinity), fc.integer({ min: mostQueued, max: 12 })),
      least: fc.constant(0),
    }),
    fc.record({
      maxConcurrent: fc.oneof(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 3, max: 6 })),
      maxQueue: fc.oneof(fc.constant(Infinity), fc.integer({ min: mostQueued, max: 12 })),
      least: fc.integer({ min: 1, max: 3 }),
    }),
  )

interface Side {
  readonly words: BigInt64Array
  readonly owners: readonly Semaphore[]
  readonly least: number
  nowMs: number
}

function freshCells(least: number): BigInt64Array {
  const count = cellsOf(SHAPE, least)
  const { buffer, cell } = allocateCells(count)
  return new BigInt64Array(buffer, cell * CELL_BYTES, count * WORDS_PER_CELL)
}

/** @param isNative - for each owner, whether it works through the addon */
function makeSide(limits: SemaphoreLimits, isNative: readonly boolean[]): Side {
  const words = freshCells(limits.least)
  const addon = nativeAddon()!
  const owners = isNative.map((native, index): Semaphore => {
    if (index === 0)
      return native ? NativeSemaphore.create(addon, words, limits, SHAPE)! : TwinSemaphore.create(words, limits, SHAPE)!
    return native ? NativeSemaphore.open(addon, words)! : TwinSemaphore.open(words)!
  })
  return { words, owners, least: limits.least, nowMs: 1000 }
}

function apply(side: Side, { kind, owner, passedMs, ms, change }: Operation): unknown {
  const semaphore = side.owners[owner]!
  switch (kind) {
    case 'ended':
      if (side.least === 0) return 'not adaptive'
      // A window closes at ten calls; whom a permit is handed to depends on who has a doorbell, too.
      for (let call = 0; call < 4; call++) semaphore.ended((side.nowMs += passedMs), ms)
      return undefined
    case 'reclaim':
      // After two looks of one owner what another has not collected is taken back.
      semaphore.reclaim((side.nowMs += passedMs * 50))
      return undefined
    case 'update':
      return semaphore.update(side.least === 0 ? { ...change, least: undefined } : change)
    case 'take':
      return semaphore.take()
    case 'give':
      // Whom it wakes depends on who has a doorbell, which the twin has not.
      return semaphore.held() === 0 ? 'nothing held' : void semaphore.give()
    default:
      return semaphore[kind]()
  }
}

/** All words but those that say which thread uses a row. */
function wordsOf({ words }: Side): bigint[] {
  const isIdentity = (index: number): boolean =>
    index >= SEMAPHORE.firstRow &&
    index < SEMAPHORE.firstRow + SHAPE.rows * WORDS_PER_CELL &&
    [SEMAPHORE.owner, SEMAPHORE.doorbell, SEMAPHORE.space].includes((index % WORDS_PER_CELL) as 0)
  return [...words].filter((_, index) => !isIdentity(index))
}

function expectTheSameAnswers(limits: SemaphoreLimits, mixed: readonly boolean[], script: readonly Operation[]): void {
  const native = makeSide(limits, [true, true, true])
  const twin = makeSide(limits, [false, false, false])
  const both = makeSide(limits, mixed)
  for (const operation of script) {
    const expected = apply(twin, operation)
    expect(apply(native, operation)).toEqual(expected)
    expect(apply(both, operation)).toEqual(expected)
    expect(wordsOf(native)).toEqual(wordsOf(twin))
    expect(wordsOf(both)).toEqual(wordsOf(twin))
  }
}

/** The addon, its twin, and both at work on one semaphore answer every operation alike and leave the same words. */
export function expectTheSameSemaphore(numRuns: number): void {
  fc.assert(
    fc.property(
      limitsOf(0),
      fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      fc.oneof(
        fc.array(operations, { minLength: 1, maxLength: 80 }),
        fc.array(crowd, { minLength: 20, maxLength: 80 }),
      ),
      expectTheSameAnswers,
    ),
    { numRuns },
  )
}

/**
 * A queue all of whose places are taken, one of them by callers that have given up: who has none gets that one. Whoever waits is let in sooner or
 * later.
 */
export function expectTheSameFullQueue(): void {
  const of = (kind: Operation['kind'], ...owners: number[]): Operation[] =>
    owners.map((owner) => ({ kind, owner, passedMs: 0, ms: 0, change: {} }))
  const script = [
    // All permits, and places of 1, 2, 1, 2, 1 and 3.
    ...of('take', 0, 0),
    ...of('acquire', 0, 1, 0, 1, 0, 2),
    // Who has given up all of them stands behind; so all 8 places are taken, and of them 3 by callers that wait.
    ...of('cancel', 1, 1),
    ...of('acquire', 1),
    ...of('cancel', 0, 0, 0),
    ...of('acquire', 0),
    // Now that of 3 is free, and the last one but two.
    ...of('cancel', 2),
    ...of('acquire', 2, 2, 1, 0),
    ...of('waiting', 0),
    ...[0, 2, 1, 0, 2, 1, 0, 2, 1].flatMap((owner) => [...of('collect', 0, 1, 2), ...of('give', owner)]),
    ...of('waiting', 0),
  ]
  for (const mixed of [
    [true, false, true],
    [false, true, false],
  ])
    expectTheSameAnswers({ maxConcurrent: 2, maxQueue: Infinity, least: 0 }, mixed, script)
  const side = makeSide({ maxConcurrent: 2, maxQueue: Infinity, least: 0 }, [false, false, false])
  const told = script.map((operation) => [operation.kind, apply(side, operation)] as const)
  expect(told.filter(([kind]) => kind === 'acquire').every(([, admission]) => admission === 1)).toBe(true)
  expect(told.filter(([kind]) => kind === 'cancel').every(([, isBack]) => isBack)).toBe(true)
  expect(told.filter(([kind]) => kind === 'waiting').map(([, waiting]) => waiting)).toEqual([6, 0])
}

/** A window of an adaptive limit, so many times; times in ms. */
interface Window {
  /** Permits that are in use. */
  readonly taken: number
  /** What each of ten calls took, one after the other, and again from the first. */
  readonly ms: readonly number[]
  readonly drops: number
  readonly passedMs: number
  readonly repeated: number
}

/** Checks that the addon, its twin, and both by turns move a limit alike; returns the twin's semaphore, and its words. */
function expectTheSameWindows(limits: SemaphoreLimits, script: readonly Window[]): Side {
  const sides = [makeSide(limits, [true]), makeSide(limits, [false]), makeSide(limits, [true, false])]
  for (const { taken, ms, drops, passedMs, repeated } of script) {
    for (let window = 0; window < repeated; window++) {
      const words = sides.map((side) => {
        const semaphore = side.owners[window % side.owners.length]!
        let held = 0
        while (held < taken && semaphore.take() === undefined) held++
        side.nowMs += passedMs
        for (let drop = 0; drop < drops; drop++) semaphore.ended(side.nowMs, -1)
        for (let call = 0; call < 10; call++) semaphore.ended(side.nowMs, ms[call % ms.length]!)
        for (; held > 0; held--) semaphore.give()
        const line = (cellsOf(SHAPE, limits.least) - 1) * WORDS_PER_CELL
        return [side.words[SEMAPHORE.limit], ...side.words.subarray(line)]
      })
      expect(words[0]).toEqual(words[1])
      expect(words[2]).toEqual(words[1])
    }
  }
  return sides[1]!
}

/** Hundreds of windows of an adaptive limit, dips among them, in the addon, in its twin and by turns in both. */
export function expectTheSameLimit(numRuns: number): void {
  const windows = fc.record({
    taken: fc.nat({ max: 60 }),
    ms: fc.oneof(fc.double({ min: 0, max: 40, noNaN: true }), fc.constantFrom(0, 20, 20, 20, 1e9)).map((ms) => [ms]),
    drops: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
    passedMs: fc.constantFrom(101, 101, 101, 30),
    repeated: fc.integer({ min: 1, max: 25 }),
  })
  fc.assert(
    fc.property(
      fc.record({
        maxConcurrent: fc.integer({ min: 10, max: 60 }),
        maxQueue: fc.constant(0),
        least: fc.integer({ min: 1, max: 10 }),
      }),
      fc.array(windows, { minLength: 5, maxLength: 30 }),
      (limits, script) => void expectTheSameWindows(limits, script),
    ),
    { numRuns },
  )
}

/** What no property comes upon. */
export function expectTheSameLimitAtBounds(): void {
  const limits = { maxConcurrent: 20, maxQueue: 0, least: 1 }
  // As many µs as half a word holds, to the last: four of the longest calls, and one of 4 µs.
  expectTheSameWindows(limits, [
    { taken: 20, ms: [1e9, 1e9, 1e9, 1e9, 0.004, 0], drops: 0, passedMs: 30, repeated: 3 },
    { taken: 20, ms: [1e9, 1e9, 1e9, 1e9, 0.003, 0], drops: 0, passedMs: 101, repeated: 3 },
  ])
  // Nine looks are enough for a dip. Calls that take less than 0.8 of what they took before show that too many ran at once; just as much does not.
  const busy = { taken: 20, drops: 0, passedMs: 101 }
  const until = { ...busy, ms: [1], repeated: 11 }
  const [same, faster] = [0.8, 0.799].map((ms) =>
    expectTheSameWindows(limits, [until, { ...busy, ms: [ms], repeated: 2 }]).owners[0]!.limit(),
  )
  expect(same).toBe(20)
  expect(faster).toBe(15)
}

/**
 * Permits are neither lost nor made, whatever the limits are changed to: those held are those in use, no more of them than the largest limit in
 * force since they were taken, and none is free while anybody waits.
 */
export function expectPermitsConserved(numRuns: number, isNative: boolean): void {
  fc.assert(
    fc.property(limitsOf(12), fc.array(operations, { minLength: 1, maxLength: 120 }), (limits, script) => {
      const side = makeSide(limits, [isNative, isNative, isNative])
      const [any] = side.owners
      for (const operation of script) {
        const before = { inUse: any!.inUse(), waiting: any!.waiting() }
        apply(side, operation)
        if (operation.kind === 'update') {
          // Nothing is taken away, and whoever is let in has waited.
          expect(any!.inUse()).toBeGreaterThanOrEqual(before.inUse)
          expect(any!.inUse() + any!.waiting()).toBe(before.inUse + before.waiting)
        }
        // More than may are in use only where more were.
        expect(any!.inUse()).toBeLessThanOrEqual(Math.max(before.inUse, any!.limit()))
        expect(any!.waiting()).toBeLessThanOrEqual(Math.max(before.waiting, any!.limits().maxQueue))
        const held = side.owners.map((owner) => (owner.collect(), owner.held()))
        expect(held.reduce((sum, each) => sum + each, 0)).toBe(any!.inUse())
        expect(any!.available()).toBe(Math.max(0, any!.limit() - any!.inUse()))
        expect(any!.limit()).toBeGreaterThanOrEqual(Math.max(1, any!.limits().least))
        expect(any!.limit()).toBeLessThanOrEqual(any!.limits().maxConcurrent)
        expect(any!.founding).toEqual(limits)
        if (any!.available() > 0) expect(any!.waiting()).toBe(0)
      }
    }),
    { numRuns },
  )
}

/** What a thread that has ended held in several rows goes to who waits, and its places in the queue are gone. */
export function expectBuried(numRuns: number): void {
  const script = fc.array(
    fc.tuple(fc.constantFrom('tryAcquire', 'acquire', 'acquire', 'cancel'), fc.constantFrom(1, 2, 3)),
    { maxLength: 30 },
  )
  const parameters = fc.record({
    most: fc.integer({ min: 1, max: 6 }),
    least: fc.constantFrom(0, 1),
    /** By how much it was about to raise the limit. */
    more: fc.nat({ max: 3 }),
  })
  fc.assert(
    fc.property(parameters, script, ({ most, least, more }, operations) => {
      const core = new SemaphoreCore(freshCells(least), { ...SHAPE, least })
      core.initialize(most, -1)
      const [ended, alive] = [7n, 8n]
      expect([ended, alive, ended, alive].map((who) => core.claim(who, 0n))).toEqual([1, 2, 3, 0])
      const waiting = [0, 0, 0, 0]
      for (const [kind, owner] of operations) {
        const answer = core[kind](owner)
        if (kind === 'acquire' && answer === 1) waiting[owner]!++
        if (kind === 'cancel' && answer === true) waiting[owner]!--
      }
      const held = core.held(2)
      core.update(1, (terms) => ({ ...terms, most: most + more }))
      core.buryAllOf(ended)
      expect([core.held(1), core.held(3), core.cancel(1), core.cancel(3)]).toEqual([0, 0, false, false])
      const handedOver = core.collect(2)
      expect(core.held(2)).toBe(held + handedOver)
      expect(core.waiting()).toBe(waiting[2]! - handedOver)
      expect(core.inUse()).toBe(held + handedOver)
      if (core.waiting() > 0) expect(core.available()).toBe(0)
      expect([9n, 9n].map((who) => core.claim(who, 0n))).toEqual([1, 3])
    }),
    { numRuns },
  )
}
