// Limiters of several threads on one key: whatever each of them takes, waits for and gives back, no window has more than its bound.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { keyedTables } from '../../dist/memory/keyed/index.js'
import type { Key } from '../../dist/memory/keyed/key.js'
import type { KeyedTable } from '../../dist/memory/keyed/table.js'
import { KeyedAdmission } from '../../dist/rate-limit/keyed/admission.js'
import { completeKeyedPolicy } from '../../dist/rate-limit/keyed/policy.js'
import { type Permit, RateLimiterAll } from '../../dist/rate-limit/rate-limiter-all.js'
import { type Decision, mostOverRate } from '../support/fullest-window.js'
import { StoppableClock } from '../support/stoppable-clock.js'

const KEY = 'key'
const RATE = 100
const GRACE = RATE / 100

type Operation =
  | { kind: 'tryAcquire' | 'acquire' | 'refund' | 'acquireAll' | 'tryAll' | 'acquireTwo' | 'tryOther'; tokens: number }
  | { kind: 'settle'; which: number; tokens: number }
  | { kind: 'cancel'; which: number }
  | { kind: 'pause' | 'pass' | 'stall'; ms: number }
  | { kind: 'reset' }

const amounts = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.double({ min: 0.1, max: 6, noNaN: true }))
const times = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0.1, max: 20, noNaN: true }))
const which = fc.nat({ max: 20 })
const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('tryAcquire' as const, 'acquire' as const, 'acquire' as const, 'refund' as const),
      tokens: amounts,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'acquireAll' as const,
        'tryAll' as const,
        'acquireTwo' as const,
        'acquireTwo' as const,
        'tryOther' as const,
        'tryOther' as const,
      ),
      tokens: amounts,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), which, tokens: amounts }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('pass' as const, 'pass' as const, 'stall' as const), ms: times }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: times }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reset' as const }) },
)

type Several = Pick<RateLimiterAll<never, 'k' | 'other'>, 'tryAcquire' | 'acquire'>
interface AllOf {
  of(parts: ReadonlyMap<string, object>): Several
}

/** One limiter of the key, as a thread has it. */
class Handle {
  readonly aborts: AbortController[] = []
  readonly permits: { permit: Permit<never, 'k' | 'other'>; tokens: number }[] = []
  readonly admission: KeyedAdmission
  readonly #all: Several

  constructor(
    table: KeyedTable,
    readonly burst: number,
    readonly clock: StoppableClock,
    readonly decisions: Decision[],
  ) {
    const policy = completeKeyedPolicy({
      requestsPerSecond: RATE,
      burstSize: burst,
      capacity: 4,
      onFull: 'deny',
      clock,
    })
    const admission = new KeyedAdmission(policy, table)
    this.admission = admission
    const limit = { partOf: (key: Key) => admission.part(admission, key) }
    this.#all = (RateLimiterAll as unknown as typeof RateLimiterAll & AllOf).of(
      new Map(['k', 'other'].map((name) => [name, limit])),
    )
  }

  note(tokens: number): void {
    this.decisions.push({ tokens, from: this.clock.now(), to: this.clock.now() })
  }

  async do(operation: Operation): Promise<void> {
    const { admission, clock } = this
    const tokens = 'tokens' in operation ? Math.min(operation.tokens, this.burst) : 0
    const costs = { k: { key: KEY, tokens } }
    switch (operation.kind) {
      case 'tryAcquire':
        if (admission.tryAcquire(KEY, tokens)) this.note(tokens)
        return
      case 'acquire': {
        const abort = new AbortController()
        this.aborts.push(abort)
        void admission.acquire(KEY, tokens, { signal: abort.signal }).then(
          () => {
            this.note(tokens)
          },
          () => undefined,
        )
        return
      }
      case 'tryAll': {
        const permit = this.#all.tryAcquire(costs)
        if (permit === false) return
        this.note(tokens)
        this.permits.push({ permit, tokens })
        return
      }
      case 'tryOther':
        admission.tryAcquire('other', tokens)
        return
      case 'acquireAll':
      case 'acquireTwo':
        void this.#all
          .acquire(
            operation.kind === 'acquireTwo'
              ? { ...costs, other: { key: 'other', tokens: Math.min(this.burst, 7 - tokens) } }
              : costs,
          )
          .then(
            (permit) => {
              this.note(tokens)
              this.permits.push({ permit, tokens })
            },
            () => undefined,
          )
        return
      case 'settle': {
        const { permits } = this
        const [settled] = permits.splice(operation.which % Math.max(1, permits.length), 1)
        if (settled === undefined) return
        if (tokens < settled.tokens) this.note(tokens - settled.tokens)
        settled.permit.settle(costs)
        return
      }
      case 'cancel':
        this.aborts[operation.which % Math.max(1, this.aborts.length)]?.abort()
        return
      case 'refund':
        this.note(-tokens)
        admission.queue.refund(KEY, tokens)
        return
      case 'reset':
        this.note(-this.burst)
        admission.queue.reset(KEY)
        return
      case 'pause':
        admission.queue.pause(KEY, operation.ms)
        return
      case 'stall':
        clock.nowMs += operation.ms
        return
      case 'pass':
        for (let restMs = operation.ms; restMs > 0; restMs -= 5) {
          clock.nowMs += Math.min(restMs, 5)
          await clock.run(Math.min(restMs, 5))
        }
    }
  }
}

/** By how many tokens the fullest window exceeds its rate: what was given back in it may be taken again. */
async function mostOf(
  tablesOf: (burst: number, clock: StoppableClock) => readonly KeyedTable[],
  burst: number,
  script: readonly [number, Operation][],
): Promise<number> {
  const clock = new StoppableClock()
  clock.nowMs = 1000
  const decisions: Decision[] = []
  const handles = tablesOf(burst, clock).map((table) => new Handle(table, burst, clock, decisions))
  for (const [index, operation] of script) {
    await handles[index % handles.length]!.do(operation)
    await clock.run(0)
  }
  for (let n = 0; n < 3; n++) {
    await handles[0]!.do({ kind: 'pass', ms: 100 })
    for (let i = 0; i < 8; i++) await handles[i % handles.length]!.do({ kind: 'tryAcquire', tokens: 1 })
  }
  for (const { admission } of handles) admission.end()
  await clock.run(0)
  return mostOverRate(decisions, RATE / 1000)
}

const asked = (burst: number) => ({ rate: RATE, burst, capacity: 4, evicts: false })

const cases: readonly (readonly [string, Parameters<typeof mostOf>[0]])[] = [
  [
    'that have one table',
    (burst, clock) => {
      const { subject } = keyedTables.create(asked(burst), clock)
      return [subject, subject, subject]
    },
  ],
  [
    'that open it by its handle',
    (burst, clock) => {
      const { subject, address } = keyedTables.create(asked(burst), clock)
      return [subject, keyedTables.open(address, asked(burst), clock).subject]
    },
  ],
]

it.each(cases)(
  'several limiters of one key, %s, never grant more than burst + rate * window and what came back in it',
  async (_, tablesOf) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, 5, 6),
        fc.array(fc.tuple(fc.nat({ max: 2 }), operations), { minLength: 1, maxLength: 40 }),
        async (burst, script) => {
          expect(await mostOf(tablesOf, burst, script)).toBeLessThanOrEqual(burst + GRACE + 1e-3)
        },
      ),
      { numRuns: 400 },
    )
  },
)
