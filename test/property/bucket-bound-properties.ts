import fc from 'fast-check'
import { expect } from 'vitest'
import type { Bucket } from '../../dist/memory/bucket/bucket.js'
import { bursts, type HandClock, rates, steps } from './bucket-support.js'

/** What a double cannot tell apart, and 0.1 is meant to be one tenth. */
export const RELATIVE = 1 + 2 ** -45

/** A bucket, or the bucket of a key, whose parameters never change. */
export type Limit = Pick<Bucket, 'tryAcquire' | 'reserve' | 'cancel'> &
  Partial<Pick<Bucket, 'pause' | 'isStale' | 'renew'>>

/** Makes a full one, and says in which part of a token it counts. */
export type MakeLimit = (rate: number, burst: number) => { limit: Limit; clock: HandClock; unit: number }

interface Grant {
  /** Who waits is admitted at the next whole nanosecond. */
  atNs: number
  tokens: number
  hasWaited: boolean
}

interface Held extends Grant {
  ticket: ReturnType<Bucket['reserve']>['ticket']
}

type Operation =
  { kind: 'try' | 'reserve'; share: number } | { kind: 'cancel'; which: number } | { kind: 'pause'; ms: number }
type Script = [stepNs: number, operation: Operation][]

/**
 * Expects that no window holds more than the bound allows: to one unit, the grain in which tokens are counted (a millionth, up to
 * 1.4e6/s), and to what the first of its callers was kept waiting for the next whole nanosecond.
 */
function expectBound(grants: Grant[], rate: number, burst: number, unit: number): void {
  grants.sort((a, b) => a.atNs - b.atNs)
  for (let from = 0; from < grants.length; from++) {
    let admitted = 0
    for (let to = from; to < grants.length; to++) {
      admitted += grants[to]!.tokens
      const roundedNs = grants[from]!.hasWaited ? 1 : 0
      const windowSeconds = (grants[to]!.atNs - grants[from]!.atNs + roundedNs) / 1e9
      expect(admitted).toBeLessThanOrEqual((burst + rate * windowSeconds) * RELATIVE + unit)
    }
  }
}

/** When a caller that waits is admitted, who asks again as the limiter does when parameters have changed. */
function renewStale(limit: Limit, held: Held[], nowNs: number): void {
  for (const each of held) {
    if (each.atNs <= nowNs || !limit.isStale?.(each.ticket)) continue
    each.ticket = limit.renew!(each.ticket)
    each.atNs = nowNs + Math.round(each.ticket.waitMs * 1e6)
    each.hasWaited ||= each.ticket.waitMs > 0
  }
}

function play(make: MakeLimit, rate: number, burst: number, script: Script): void {
  const { limit, clock, unit } = make(rate, burst)
  const grants: Grant[] = []
  const held: Held[] = []
  for (const [stepNs, operation] of script) {
    clock.ns += Math.abs(stepNs)
    switch (operation.kind) {
      case 'try': {
        const tokens = Math.ceil(burst * operation.share)
        if (limit.tryAcquire(tokens) === 0) grants.push({ atNs: clock.ns, tokens, hasWaited: false })
        break
      }
      case 'reserve': {
        const tokens = Math.ceil(burst * operation.share)
        const { outcome, ticket } = limit.reserve(tokens, Infinity)
        if (outcome === 0)
          held.push({ atNs: clock.ns + Math.round(ticket.waitMs * 1e6), tokens, hasWaited: ticket.waitMs > 0, ticket })
        break
      }
      case 'cancel': {
        const index = operation.which % Math.max(1, held.length)
        const one = held[index]
        // Who has been admitted does not cancel.
        if (one === undefined || one.atNs <= clock.ns) break
        held.splice(index, 1)
        expect(limit.cancel(one.ticket, one.tokens)).toBeLessThanOrEqual(one.tokens * RELATIVE)
        break
      }
      case 'pause': {
        limit.pause?.(operation.ms)
        renewStale(limit, held, clock.ns)
      }
    }
  }
  expectBound([...grants, ...held.filter(({ atNs }) => atNs !== Infinity)], rate, burst, unit)
}

const cancels: fc.Arbitrary<Operation> = fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() })
export const shares: fc.Arbitrary<number> = fc.oneof(
  fc.double({ min: 0.001, max: 1, noNaN: true }),
  fc.constantFrom(0.1, 0.5, 1),
)
const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('try' as const), share: shares }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('reserve' as const), share: shares }) },
  { weight: 3, arbitrary: cancels },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.double({ min: 0, max: 1000, noNaN: true }) }),
  },
)
/** Many wait, some of them give up in any order, others come: before time has passed. */
const reserves: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constant('reserve' as const),
  share: fc.constantFrom(0.25, 0.5, 0.75, 1, 1),
})
const queues: fc.Arbitrary<Script> = fc
  .tuple(
    fc.array(reserves, { minLength: 4, maxLength: 10 }),
    fc.array(cancels, { minLength: 2, maxLength: 6 }),
    fc.array(fc.oneof({ weight: 4, arbitrary: reserves }, cancels), { minLength: 2, maxLength: 10 }),
  )
  .map((phases) => phases.flat().map((operation) => [0, operation]))

export function expectTheBound(make: MakeLimit, numRuns: number): void {
  const scripts = fc.array(fc.tuple(steps, operations), { minLength: 2, maxLength: 60 })
  fc.assert(
    fc.property(rates, bursts.map(Math.floor), scripts, (rate, burst, script) => play(make, rate, burst, script)),
    { numRuns },
  )
}

export function expectTheBoundOfQueues(make: MakeLimit, numRuns: number): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 3 }), queues, (rate, quarter, script) =>
      play(make, rate, 4 * quarter, script),
    ),
    { numRuns },
  )
}
