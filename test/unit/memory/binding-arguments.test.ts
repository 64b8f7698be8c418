import { beforeAll, describe, expect, it } from 'vitest'
import { breakerCells } from '../../../dist/memory/breaker/parameters.js'
import { keyedCells } from '../../../dist/memory/keyed/table.js'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'
import {
  BREAKER_PARAMETER,
  BUCKET,
  RETRY_BUDGET,
  SEMAPHORE,
  WAITERS,
  WORDS_PER_CELL,
} from '../../../dist/memory/shared/layout.js'
import { allocateBeside, allocateOwnBuffer, coreOf } from '../../../dist/memory/shared/region.js'
import { addonForbidden } from '../../support/native.js'
import { wordsAt } from '../../support/words.js'

// Each function of the core is called as src/memory would, with one argument at a time replaced by something that it cannot be.

/** A kind of argument: one that is right, and some that are wrong. */
interface Kind {
  readonly good: unknown
  readonly bad: readonly unknown[]
}

const NO_NUMBERS = [undefined, null, '1', true, 1n, {}, [1], Symbol('1'), () => 1]
const kind = (good: unknown, ...bad: unknown[]): Kind => ({ good, bad: [...NO_NUMBERS, ...bad] })
const whole = (good: number, ...bad: number[]): Kind => kind(good, NaN, 1.5, Infinity, -Infinity, 2 ** 64, ...bad)
const tokens = kind(1, 0, -1, NaN, Infinity, 1e16)
const amount = kind(1, -1, NaN)
const time: Kind = { good: NaN, bad: NO_NUMBERS }
const number = (open: number): Kind => kind(open, NaN, -1, 0.5, 1e9, 2 ** 60, Infinity)
const bool: Kind = { good: false, bad: [undefined, null, 0, 1, 'true', {}] }
const text = (good: string): Kind => ({ good, bad: [undefined, null, 1, {}, Symbol('x'), ['x']] })
const doubles = (good: Float64Array): Kind => ({
  good,
  bad: [undefined, null, [], new Float64Array(0), new Float32Array(99), new BigInt64Array(99), new ArrayBuffer(800)],
})
const key: Kind = { good: 'key', bad: [undefined, null, NaN, true, {}, Symbol('k'), 'k'.repeat(65_537), 1n << 9000n] }
const seed: Kind = {
  good: BigUint64Array.of(1n, 2n),
  bad: [undefined, null, new BigUint64Array(1), new BigInt64Array(2)],
}
const cells = (view: BigInt64Array): Kind => ({
  good: view,
  bad: [
    undefined,
    null,
    {},
    view.buffer,
    new BigInt64Array(view.length), // not shared
    new Float64Array(view.buffer, view.byteOffset, view.length),
    new BigInt64Array(view.buffer, view.byteOffset, WORDS_PER_CELL - 1), // too short
    new BigInt64Array(view.buffer, view.byteOffset + 8, view.length - 1), // not aligned
  ],
})

/** All cells are beside these: one core is for all. */
const first = allocateOwnBuffer(1)
const fresh = (count: number): BigInt64Array => wordsAt(allocateBeside(first, count), count)

function breakerParameters(): Float64Array {
  const parameters = new Float64Array(BREAKER_PARAMETER.count)
  const values = { size: 5, failureRate: 1, slowRate: Infinity, slowCallMs: 100, minimumCalls: 5, successThreshold: 1 }
  const times = { resetTimeoutMs: 1000, resetTimeoutFactor: 2, maxResetTimeoutMs: 10_000, probeLeaseMs: 1000 }
  for (const [name, value] of Object.entries({ ...values, ...times }))
    parameters[BREAKER_PARAMETER[name as keyof typeof BREAKER_PARAMETER]] = value
  return parameters
}

describe('the core refuses what an argument cannot be', () => {
  const core = (): Record<string, (...args: unknown[]) => unknown> => coreOf(first.buffer) as never
  const kept: unknown[] = []

  /** What opens a subject gives an array; its functions keep it open. */
  function open(name: string, ...args: unknown[]): number {
    const opened = core()[name]!(...args) as unknown[]
    kept.push(opened)
    return opened.find((part) => typeof part === 'number') as number
  }

  const calls: [name: string, subject: string, kinds: Kind[]][] = []
  /** Names are for the addon alone. */
  const isThere = (name: string): boolean => !addonForbidden || !/OpenNamed$|AddCounts$|^threadEnded$/.test(name)

  beforeAll(() => {
    const of = (subject: string, functions: Record<string, Kind[]>): void =>
      Object.entries(functions).forEach(([name, kinds]) => isThere(name) && calls.push([name, subject, kinds]))
    const out = doubles(new Float64Array(16))

    const bucketWords = fresh(BUCKET.cells)
    core()['bucketInitialize']!(bucketWords, 10, 5, NaN)
    const bucket = number(open('bucketOpen', bucketWords))
    const named = addonForbidden ? bucket : number(open('bucketOpenNamed', 'binding-arguments', 10, 5, NaN, false))
    const ticket = new Float64Array(5)
    core()['bucketReserve']!(bucket.good, 1, 0, NaN, ticket)
    const rate = kind(10, 0, -1, NaN, Infinity, 1e16)
    const burst = kind(5, 0, 0.5, NaN, Infinity, 1e16)
    of('bucket', {
      bucketInitialize: [cells(fresh(BUCKET.cells)), rate, burst, time],
      bucketOpen: [cells(bucketWords)],
      bucketOpenNamed: [text('binding-arguments'), rate, burst, time, bool],
      bucketTryAcquire: [bucket, tokens, time],
      bucketReserve: [bucket, tokens, amount, time, out],
      bucketRemaining: [bucket, doubles(ticket), time],
      bucketCancel: [bucket, doubles(ticket), tokens, time],
      bucketRefund: [bucket, amount, time],
      bucketCharge: [bucket, tokens, time],
      bucketAvailable: [bucket, time],
      bucketUpdate: [bucket, kind(NaN, 0, -1, Infinity), kind(NaN, 0.5, 0, Infinity), time],
      bucketPause: [bucket, kind(0, -1, NaN), time],
      bucketReset: [bucket, amount, time],
      bucketParameters: [bucket, out],
      bucketAddCounts: [named, whole(1, -1), whole(1, -1)],
      bucketSurvey: [bucket, time, out],
      bucketReserveRun: [bucket, time, whole(0), whole(1, 0, -1), whole(5, -1), whole(0)],
      bucketReturnRun: [bucket, time, whole(0), whole(1), whole(1, -1)],
      bucketMsUntil: [bucket, time, whole(0), whole(1)],
      bucketInitializeWaiters: [cells(fresh(1 + WAITERS.processRows))],
      bucketAttachWaiters: [bucket, { good: undefined, bad: cells(bucketWords).bad }],
      bucketArrive: [bucket, tokens],
      bucketOthers: [bucket, whole(0), time, out],
      bucketPublish: [bucket, whole(-1), kind(0, NaN), kind(1, NaN), whole(0), whole(0), whole(0), time],
      bucketLeave: [bucket],
      bucketBuryDead: [bucket, time],
      bucketBeginLook: [bucket],
      bucketClose: [bucket],
    })

    const keyedWords = fresh(keyedCells(10))
    core()['keyedInitialize']!(keyedWords, 10, 5, 10, true, seed.good, NaN)
    const keyed = number(open('keyedOpen', keyedWords))
    const namedKeyed = addonForbidden
      ? keyed
      : number(open('keyedOpenNamed', 'binding-arguments', 10, 5, 10, true, seed.good, NaN, false))
    const capacity = kind(10, 0, -1, 0.5, NaN, Infinity, 1e9)
    of('keyed', {
      keyedCells: [capacity],
      keyedInitialize: [cells(fresh(keyedCells(10))), rate, burst, capacity, bool, seed, time],
      keyedOpen: [cells(keyedWords)],
      keyedOpenNamed: [text('binding-arguments'), rate, burst, capacity, bool, seed, time, bool],
      keyedTryAcquire: [keyed, key, time, tokens],
      keyedRefund: [keyed, key, time, amount],
      keyedCharge: [keyed, key, time, tokens],
      keyedPause: [keyed, key, time, kind(1, 0, -1, NaN)],
      keyedLook: [keyed, key, time, tokens, out],
      keyedReset: [keyed, key, time],
      keyedSize: [keyed, key, time],
      keyedSurvey: [keyed, key, time, whole(0), out],
      keyedReserveRun: [keyed, key, time, whole(0), whole(-1), whole(1, 0, -1), whole(5, -1), whole(0)],
      keyedReturnRun: [keyed, key, time, whole(0), whole(0), whole(1), whole(1, -1)],
      keyedMsUntil: [keyed, key, time, whole(0), whole(0), whole(1)],
      keyedAddCounts: [namedKeyed, whole(1, -1), whole(1, -1)],
      keyedClose: [keyed],
    })

    const windowWords = fresh(keyedCells(10))
    core()['windowInitialize']!(windowWords, 10, true, seed.good, NaN)
    const window = number(open('windowOpen', windowWords))
    const ms = kind(1000, -1, NaN, Infinity)
    const hits = kind(1, 0, -1, NaN, Infinity)
    of('window', {
      windowInitialize: [cells(fresh(keyedCells(10))), capacity, bool, seed, time],
      windowOpen: [cells(windowWords)],
      windowOpenNamed: [text('binding-arguments'), capacity, bool, seed, time, bool],
      windowHit: [window, key, time, ms, hits, kind(5, -1, NaN, Infinity), whole(0, -1, 3), out],
      windowUnhit: [window, key, time, hits],
      windowBlock: [window, key, time, ms, out],
      windowLook: [window, key, time, out],
      windowReset: [window, key, time],
      windowClear: [window, key, time],
      windowSize: [window, key, time],
      windowLetGo: [window],
    })

    const parameters = breakerParameters()
    const breakerWords = fresh(breakerCells(parameters))
    core()['breakerInitialize']!(breakerWords, parameters, NaN)
    const breaker = number(open('breakerOpen', breakerWords))
    const admission = new Float64Array(6)
    core()['breakerAdmit']!(breaker.good, NaN, admission)
    const wrong = parameters.map(() => NaN)
    const asked: Kind = { good: parameters, bad: [...doubles(parameters).bad, wrong] }
    of('breaker', {
      breakerInitialize: [cells(fresh(breakerCells(parameters))), asked, time],
      breakerOpen: [cells(breakerWords)],
      breakerOpenNamed: [text('binding-arguments'), asked, time, bool],
      breakerParameters: [breaker, out],
      breakerUpdate: [breaker, time, whole(1, 0.5, 2 ** 54), asked],
      breakerAdmit: [breaker, time, out],
      breakerSettle: [
        breaker,
        time,
        { good: admission, bad: [...doubles(admission).bad, admission.map(() => NaN), admission.map(() => 0.5)] },
        whole(0, -1, 3),
        bool,
      ],
      breakerForce: [breaker, whole(0, -1, 4)],
      breakerState: [breaker, time],
      breakerControl: [breaker, out],
      breakerLetGo: [breaker],
    })

    const semaphoreWords = fresh(SEMAPHORE.cells)
    const shape = [SEMAPHORE.rows, SEMAPHORE.places]
    core()['semaphoreInitialize']!(semaphoreWords, ...shape, 5, -1, 0)
    // Without the addon there are no doorbells, and the number of none is right.
    const bell = kind(doorbell.id, doorbell.id === 0 ? 1 : 0, -1, 0.5, 4_000_000_000)
    const semaphore = number(open('semaphoreOpen', semaphoreWords, doorbell.id))
    const adaptiveWords = fresh(SEMAPHORE.cells + 1)
    core()['semaphoreInitialize']!(adaptiveWords, ...shape, 5, -1, 1)
    const adaptive = number(open('semaphoreOpen', adaptiveWords, doorbell.id))
    const limits = [
      whole(SEMAPHORE.rows, 0, -1, 64),
      whole(SEMAPHORE.places, 0, -1, 1, 4096),
      whole(5, 0, -1, 2 ** 20),
      whole(-1, -2),
      whole(0, -1, 6, 8192),
    ]
    of('semaphore', {
      semaphoreInitialize: [cells(fresh(SEMAPHORE.cells)), ...limits],
      semaphoreOpen: [cells(semaphoreWords), bell],
      semaphoreOpenNamed: [text('binding-arguments'), bool, ...limits, bell],
      semaphoreAcquire: [semaphore],
      semaphoreCollect: [semaphore],
      semaphoreCancel: [semaphore],
      semaphoreHeld: [semaphore],
      semaphoreAvailable: [semaphore],
      semaphoreWaiting: [semaphore],
      semaphoreReclaim: [semaphore, kind(1, NaN, Infinity)],
      semaphoreTakeLow: [semaphore],
      semaphoreLimit: [semaphore],
      semaphoreInUse: [semaphore],
      semaphoreEnded: [adaptive, kind(1, NaN, Infinity), kind(1, NaN)],
      semaphoreTerms: [semaphore, out],
      semaphoreUpdate: [
        adaptive,
        kind(5, 0, -1, 1.5, 8192, 2 ** 20),
        kind(3, -2, 0.5, Infinity),
        kind(1, 0, -1, 0.5, 8192),
      ],
      semaphoreLetGo: [semaphore],
    })
    expect(() => core()['semaphoreUpdate']!(semaphore.good, NaN, NaN, 1)).toThrow('has a fixed limit')
    expect(core()['semaphoreUpdate']!(semaphore.good, NaN, NaN, NaN)).toBe(true)
    expect(core()['semaphoreUpdate']!(adaptive.good, 2, NaN, 3)).toBe(false)

    const budgetWords = fresh(RETRY_BUDGET.cells)
    const budgetTerms = [kind(0.1, -1, NaN, 1001), kind(10, -1, NaN), kind(1000, 0, NaN, Infinity)]
    core()['budgetInitialize']!(budgetWords, 0.1, 10, 1000)
    const budget = number(open('budgetOpen', budgetWords))
    of('budget', {
      budgetInitialize: [cells(fresh(RETRY_BUDGET.cells)), ...budgetTerms],
      budgetOpen: [cells(budgetWords)],
      budgetOpenNamed: [text('binding-arguments'), ...budgetTerms, bool, out],
      budgetDeposit: [budget, time],
      budgetTryWithdraw: [budget, time],
      budgetAvailable: [budget, time],
      budgetLetGo: [budget],
    })

    if (addonForbidden) return
    of('machine', { machineLook: [whole(1, -1), cells(bucketWords), time, out] })
    of('doorbell', {
      doorbellOpen: [
        { good: () => undefined, bad: [undefined, null, 1, {}, 'f'] },
        { good: { hasRef: () => false }, bad: [undefined, null, 1, 'o', () => undefined] },
      ],
      doorbellHold: [bell, bool],
      doorbellRing: [kind(0, -1, 0.5, NaN, 2 ** 40)],
      doorbellRingOthers: [kind(0, -1, 0.5, NaN, 2 ** 40)],
    })
  })

  it('each by itself, with an error that says whose and what, and takes what is right', () => {
    for (const [name, subject, kinds] of calls) {
      const good = kinds.map((each) => each.good)
      kinds.forEach(({ bad }, position) => {
        for (const value of bad) {
          const shown = `${name}, argument ${position} as ${String(typeof value === 'string' ? value.slice(0, 9) : (value as object | undefined)?.constructor.name)} ${typeof value}`
          let error: unknown
          try {
            core()[name]!(...good.with(position, value))
          } catch (thrown) {
            error = thrown
          }
          expect(error instanceof TypeError || error instanceof RangeError, shown).toBe(true)
          expect((error as Error).message, shown).toMatch(new RegExp(`^${subject}: `))
        }
      })
      // Rows of waiting callers cannot be made here.
      if (name !== 'bucketAttachWaiters') expect(() => core()[name]!(...good), name).not.toThrow()
    }
  })

  it('and what the bound call of a bucket is to take', () => {
    const words = fresh(BUCKET.cells)
    core()['bucketInitialize']!(words, 1e-9, 5, NaN)
    const [, takeSeveral, bucketNumber] = core()['bucketOpen']!(words) as [unknown, () => unknown, number]
    const take = (count: number): unknown => {
      core()['bucketTokens']![0 as never] = count as never
      return takeSeveral()
    }
    // True: whoever asks `bucketTryAcquire` is told why.
    expect([0, -1, NaN, Infinity, 1e16, 5.5].map(take)).toEqual(Array(6).fill(true))
    expect(core()['bucketAvailable']!(bucketNumber, NaN)).toBe(5)
    expect([2.5, 3, 2.5, 0.1].map(take)).toEqual([undefined, false, undefined, false])
  })

  it('in every function that takes one', () => {
    const apart = ['clockRead', 'clockSource', 'machineDirectory', 'otherLayout', 'systemInfo', 'systemTree']
    const names = Object.entries(core()).flatMap(([name, value]) =>
      typeof value === 'function' && isThere(name) ? [name] : [],
    )
    expect(names.filter((name) => !apart.includes(name)).sort()).toEqual(calls.map(([name]) => name).sort())
  })
})
