import fc from 'fast-check'
import { expect } from 'vitest'
import { systemClock } from '../../dist/internal/time/clock.js'
import { semaphores } from '../../dist/memory/semaphore/index.js'
import type { Semaphore, SemaphoreLimits } from '../../dist/memory/semaphore/semaphore.js'
import { SEMAPHORE } from '../../dist/memory/shared/layout.js'

/** So few places that the queue runs over. */
const SHAPE = { rows: 3, places: 8 }

const operations = fc.record({
  kind: fc.constantFrom(
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
  owner: fc.nat({ max: SHAPE.rows - 1 }),
  /** Of a call that ends: how much time has passed since the last one, and what it took; below 0 it was cut off. */
  passedMs: fc.nat({ max: 40 }),
  ms: fc.oneof(fc.constant(-1), fc.double({ min: 0, max: 30, noNaN: true }), fc.constantFrom(1e9, 0)),
  /** Of a change. */
  change: fc.record(
    {
      maxConcurrent: fc.integer({ min: 1, max: 8 }),
      maxQueue: fc.constantFrom(Infinity, 0, 2, 12, SEMAPHORE.mostQueue, 2 ** 40),
      least: fc.integer({ min: 1, max: 4 }),
    },
    { requiredKeys: [] },
  ),
})
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never

/** Fixed limits, and adaptive ones. */
const anyLimits: fc.Arbitrary<SemaphoreLimits> = fc.oneof(
  fc.record({
    maxConcurrent: fc.integer({ min: 1, max: 4 }),
    maxQueue: fc.constantFrom(Infinity, 12),
    least: fc.constant(0),
  }),
  fc.record({
    maxConcurrent: fc.oneof(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 3, max: 6 })),
    maxQueue: fc.constantFrom(Infinity, 12),
    least: fc.integer({ min: 1, max: 3 }),
  }),
)

interface Side {
  readonly owners: readonly Semaphore[]
  readonly least: number
  nowMs: number
}

/** A semaphore as three threads have it. */
function makeSide(limits: SemaphoreLimits): Side {
  const asked = { ...limits, shape: SHAPE }
  const { subject, address } = semaphores.create(asked, systemClock)
  const others = [1, 2].map(() => semaphores.open(address, asked, systemClock).subject)
  return { owners: [subject, ...others], least: limits.least, nowMs: 1000 }
}

function apply(side: Side, { kind, owner, passedMs, ms, change }: Operation): unknown {
  const semaphore = side.owners[owner]!
  switch (kind) {
    case 'ended':
      if (side.least === 0) return 'not adaptive'
      // A window closes at ten calls.
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
      return semaphore.held() === 0 ? 'nothing held' : void semaphore.give()
    default:
      return semaphore[kind]()
  }
}

/**
 * A queue all of whose places are taken, one of them by callers that have given up: who has none gets that one. Whoever waits is let in sooner or
 * later.
 */
export function expectAllOfAFullQueueServed(): void {
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
  const side = makeSide({ maxConcurrent: 2, maxQueue: Infinity, least: 0 })
  const told = script.map((operation) => [operation.kind, apply(side, operation)] as const)
  expect(told.filter(([kind]) => kind === 'acquire').every(([, admission]) => admission === 1)).toBe(true)
  expect(told.filter(([kind]) => kind === 'cancel').every(([, isBack]) => isBack)).toBe(true)
  expect(told.filter(([kind]) => kind === 'waiting').map(([, waiting]) => waiting)).toEqual([6, 0])
}

/**
 * Permits are neither lost nor made, whatever the limits are changed to: those held are those in use, no more of them than the largest limit in
 * force since they were taken, and none is free while anybody waits.
 */
export function expectPermitsConserved(numRuns: number): void {
  fc.assert(
    fc.property(anyLimits, fc.array(operations, { minLength: 1, maxLength: 120 }), (limits, script) => {
      const side = makeSide(limits)
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
