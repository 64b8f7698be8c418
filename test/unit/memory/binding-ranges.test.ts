import { beforeAll, describe, expect, it } from 'vitest'
import { breakerCells, parametersOf } from '../../../dist/memory/breaker/parameters.js'
import { keyedCells } from '../../../dist/memory/keyed/table.js'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'
import { BUCKET, RETRY_BUDGET, SEMAPHORE } from '../../../dist/memory/shared/layout.js'
import { allocateBeside, allocateOwnBuffer, coreOf } from '../../../dist/memory/shared/region.js'
import { boundOf } from '../../../dist/memory/semaphore/semaphore.js'
import { checkConcurrency, BULKHEAD_OPTIONS } from '../../../dist/policy/bulkhead/options.js'
import { readCircuitBreakerOptions } from '../../../dist/policy/circuit-breaker/options.js'
import { RetryBudget } from '../../../dist/policy/retry/budget.js'
import { KeyedRateLimiter } from '../../../dist/rate-limit/keyed/keyed-rate-limiter.js'
import { KeyedWindow } from '../../../dist/rate-limit/keyed/keyed-window.js'
import { KEYED_OPTIONS } from '../../../dist/rate-limit/keyed/policy.js'
import { RATE_LIMIT_OPTIONS } from '../../../dist/rate-limit/rate-limit-policy.js'
import { RateLimiter } from '../../../dist/rate-limit/rate-limiter.js'
import { wordsAt } from '../../support/words.js'

// Each range stands in TypeScript, where options are checked, and in the core, which nothing may get past. One that is wider in either place
// would be an error that tells of no option, or no error at all.

const EDGES = [1, 2, 5, 256, 1000, 1e4, 8191, 2 ** 13, 2 ** 18, 1e6, 2 ** 20, 86_400_000, 1e8, 1e9, 1e11, 2 ** 38, 1e15]
const VALUES = [
  ...EDGES.flatMap((edge) => [edge - 1, edge - 0.5, edge, edge + 0.5, edge + 1]),
  ...[NaN, -Infinity, -1, -0.5, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 1e-9, 0.1],
  ...[2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, 1e16, 1e100, Number.MAX_VALUE, Infinity],
]

function errorOf(act: () => unknown): Error | undefined {
  try {
    act()
    return undefined
  } catch (thrown) {
    return thrown as Error
  }
}

/** All cells are beside these: one core is for all. */
const first = allocateOwnBuffer(1)
const fresh = (count: number): BigInt64Array => wordsAt(allocateBeside(first, count), count)

describe('the core accepts what options accept, and names the option, its range and what came', () => {
  const core = (): Record<string, (...args: unknown[]) => unknown> => coreOf(first.buffer) as never
  /** Keeps open what the numbers stand for. */
  const owners: unknown[] = []
  const open = (name: string, ...args: unknown[]): number => {
    const opened = core()[name]!(...args) as unknown[]
    owners.push(opened)
    return opened.find((part) => typeof part === 'number') as number
  }
  const seed = BigUint64Array.of(1n, 2n)
  const out = new Float64Array(16)
  let bucket: number, keyed: number, window: number, fixed: number, adaptive: number

  beforeAll(() => {
    const views = [BUCKET.cells, keyedCells(10), keyedCells(10), SEMAPHORE.cells, SEMAPHORE.cells + 1].map(fresh)
    core()['bucketInitialize']!(views[0], 10, 1e15, NaN)
    core()['keyedInitialize']!(views[1], 10, 1e15, 10, true, seed, NaN)
    core()['windowInitialize']!(views[2], 10, true, seed, NaN)
    core()['semaphoreInitialize']!(views[3], SEMAPHORE.rows, SEMAPHORE.places, 5, -1, 0)
    core()['semaphoreInitialize']!(views[4], SEMAPHORE.rows, SEMAPHORE.places, 8191, -1, 1)
    bucket = open('bucketOpen', views[0])
    keyed = open('keyedOpen', views[1])
    window = open('windowOpen', views[2])
    fixed = open('semaphoreOpen', views[3], doorbell.id)
    adaptive = open('semaphoreOpen', views[4], doorbell.id)
  })

  const { requestsPerSecond, burstSize } = RATE_LIMIT_OPTIONS
  const windows = new KeyedWindow({ capacity: 10 })
  const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 1e15 })
  const limiters = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1e15, capacity: 10 })
  const semaphore = (most: number, maxQueue: number, least: number): unknown =>
    core()['semaphoreInitialize']!(fresh(SEMAPHORE.cells + 1), SEMAPHORE.rows, SEMAPHORE.places, most, maxQueue, least)
  const budget = (...terms: number[]): unknown => core()['budgetInitialize']!(fresh(RETRY_BUDGET.cells), ...terms)
  const mostCells = breakerCells(parametersOf({ mode: 1, size: 10_000, successThreshold: 256 }))
  const breaker = (changes: object, ms = true): unknown => {
    const values = {
      ...{ mode: ms ? 2 : 1, size: 1000, failureRate: 0.5, slowRate: 0.5, slowCallMs: 100, minimumCalls: 1 },
      ...{ successThreshold: 1, resetTimeoutMs: 0.001, resetTimeoutFactor: 1, maxResetTimeoutMs: 1e11 },
      ...{ probeLeaseMs: 1000, probeFailureRate: 0.5, ...changes },
    }
    return core()['breakerInitialize']!(fresh(mostCells), parametersOf(values), NaN)
  }
  const asked = (options: object): unknown => readCircuitBreakerOptions(options)

  it.each<
    [option: string, ofOptions: (value: number) => unknown, ofAddon: (value: number) => unknown, also?: number[]]
  >([
    [
      'requestsPerSecond',
      (v) => requestsPerSecond.read('', v),
      (v) => core()['bucketInitialize']!(fresh(BUCKET.cells), v, 5, NaN),
    ],
    ['burstSize', (v) => burstSize.read('', v), (v) => core()['bucketInitialize']!(fresh(BUCKET.cells), 5, v, NaN)],
    [
      'requestsPerSecond',
      (v) => requestsPerSecond.read('', v),
      (v) => core()['keyedInitialize']!(fresh(keyedCells(10)), v, 5, 10, true, seed, NaN),
    ],
    [
      'burstSize',
      (v) => burstSize.read('', v),
      (v) => core()['keyedInitialize']!(fresh(keyedCells(10)), 5, v, 10, true, seed, NaN),
    ],
    // NaN keeps what is in force.
    [
      'requestsPerSecond',
      (v) => requestsPerSecond.read('', v),
      (v) => core()['bucketUpdate']!(bucket, v, NaN, NaN),
      [NaN],
    ],
    ['burstSize', (v) => burstSize.read('', v), (v) => core()['bucketUpdate']!(bucket, NaN, v, NaN), [NaN]],
    ['capacity', (v) => KEYED_OPTIONS.capacity.read('', v), (v) => core()['keyedCells']!(v)],
    ['tokens', (v) => limiters.tryAcquire('a', v), (v) => core()['keyedTryAcquire']!(keyed, 'a', NaN, v)],
    ['tokens', (v) => limiters.tryAcquire('a', v), (v) => core()['bucketTryAcquire']!(bucket, v, NaN)],
    ['tokens', (v) => limiters.refund('a', v), (v) => core()['keyedRefund']!(keyed, 'a', NaN, v)],
    ['tokens', (v) => limiter.refund(v), (v) => core()['bucketRefund']!(bucket, v, NaN)],
    [
      'maxWaitMs',
      (v) => RATE_LIMIT_OPTIONS.maxWaitMs.read('', v),
      (v) => core()['bucketReserve']!(bucket, 1, v, NaN, out),
    ],
    ['ms', (v) => limiter.pauseFor(v), (v) => core()['bucketPause']!(bucket, v, NaN)],
    // A pause of no time does not come to the addon.
    ['ms', (v) => limiters.pauseFor('a', v), (v) => v === 0 || core()['keyedPause']!(keyed, 'a', NaN, v)],
    [
      'windowMs',
      (v) => windows.hit('a', { windowMs: v }),
      (v) => core()['windowHit']!(window, 'a', NaN, v, 1, 1, 0, out),
    ],
    [
      'n',
      (v) => windows.hit('a', { windowMs: 1, n: v }),
      (v) => core()['windowHit']!(window, 'a', NaN, 1, v, 1, 0, out),
    ],
    // The highest count stands for no limit.
    [
      'max',
      (v) => windows.hit('a', { windowMs: 1, max: v }),
      (v) => core()['windowHit']!(window, 'a', NaN, 1, 1, v, 0, out),
      [2 ** 20 - 1],
    ],
    ['n', (v) => windows.unhit('a', v), (v) => core()['windowUnhit']!(window, 'a', NaN, v)],
    ['ms', (v) => windows.block('a', v), (v) => core()['windowBlock']!(window, 'a', NaN, v, out)],
    ['maxConcurrent', (v) => checkConcurrency({ maxConcurrent: v }, 5), (v) => semaphore(v, -1, 0)],
    [
      'maxConcurrent',
      (v) => checkConcurrency({ maxConcurrent: v }, 5),
      (v) => core()['semaphoreUpdate']!(fixed, v, NaN, NaN),
      [NaN],
    ],
    ['max', (v) => checkConcurrency({ maxConcurrent: 'adaptive', min: 1, max: v }, 5), (v) => semaphore(v, -1, 1)],
    [
      'max',
      (v) => checkConcurrency({ maxConcurrent: 'adaptive', min: 1, max: v }, 5),
      (v) => core()['semaphoreUpdate']!(adaptive, v, NaN, NaN),
      [NaN],
    ],
    [
      'min',
      (v) => checkConcurrency({ maxConcurrent: 'adaptive', min: v, max: 8191 }, 5),
      (v) => (v === 0 ? semaphore(8191, -1, -1) : semaphore(8191, -1, v)),
    ],
    [
      'min',
      (v) => checkConcurrency({ maxConcurrent: 'adaptive', min: v, max: 256 }, 5),
      (v) => (v === 0 ? semaphore(256, -1, -1) : semaphore(256, -1, v)),
    ],
    [
      'min',
      (v) => checkConcurrency({ maxConcurrent: 'adaptive', min: v, max: 8191 }, 5),
      (v) => core()['semaphoreUpdate']!(adaptive, NaN, NaN, v),
      [NaN],
    ],
    // -1 stands for no bound.
    ['maxQueue', (v) => BULKHEAD_OPTIONS.maxQueue.read('', v), (v) => semaphore(5, boundOf(v), 0), [-1]],
    [
      'maxQueue',
      (v) => BULKHEAD_OPTIONS.maxQueue.read('', v),
      (v) => core()['semaphoreUpdate']!(fixed, NaN, boundOf(v), NaN),
      [-1, NaN],
    ],
    ['ratio', (v) => new RetryBudget({ ratio: v }), (v) => budget(v, 10, 1000)],
    ['minPerSecond', (v) => new RetryBudget({ minPerSecond: v }), (v) => budget(0.1, v, 1000)],
    ['ttlMs', (v) => new RetryBudget({ ttlMs: v }), (v) => budget(0.1, 10, v)],
    ['failureThreshold', (v) => asked({ failureThreshold: v }), (v) => breaker({ mode: 0, size: v })],
    ['window.calls', (v) => asked({ window: { calls: v } }), (v) => breaker({ size: v }, false)],
    ['window.ms', (v) => asked({ window: { ms: v } }), (v) => breaker({ size: v })],
    // Infinity: it is not used.
    [
      'window.failureRate',
      (v) => asked({ window: { ms: 9, failureRate: v } }),
      (v) => breaker({ failureRate: v }),
      [Infinity],
    ],
    [
      'window.slowRate',
      (v) => asked({ window: { ms: 9, slowCallMs: 5, slowRate: v } }),
      (v) => breaker({ slowRate: v }),
      [Infinity],
    ],
    ['window.slowCallMs', (v) => asked({ window: { ms: 9, slowCallMs: v } }), (v) => breaker({ slowCallMs: v })],
    ['window.minimumCalls', (v) => asked({ window: { ms: 9, minimumCalls: v } }), (v) => breaker({ minimumCalls: v })],
    ['successThreshold', (v) => asked({ successThreshold: v }), (v) => breaker({ successThreshold: v })],
    ['resetTimeoutMs', (v) => asked({ resetTimeoutMs: v }), (v) => breaker({ resetTimeoutMs: v })],
    ['resetTimeoutFactor', (v) => asked({ resetTimeoutFactor: v }), (v) => breaker({ resetTimeoutFactor: v })],
    [
      'maxResetTimeoutMs',
      (v) => asked({ resetTimeoutMs: 1000, maxResetTimeoutMs: v }),
      (v) => breaker({ resetTimeoutMs: 1000, maxResetTimeoutMs: v }),
    ],
    ['probeLeaseMs', (v) => asked({ probeLeaseMs: v }), (v) => breaker({ probeLeaseMs: v })],
    // 0: one probe that fails is enough.
    [
      'halfOpen.failureRate',
      (v) => asked({ halfOpen: { failureRate: v } }),
      (v) => breaker({ probeFailureRate: v }),
      [0],
    ],
  ])('%s (case %#)', (option, ofOptions, ofAddon, also = []) => {
    for (const value of VALUES) {
      const refused = errorOf(() => ofAddon(value))
      const isRefused = errorOf(() => ofOptions(value)) !== undefined && !also.some((each) => Object.is(each, value))
      expect(refused !== undefined, `${value}: ${refused?.message}`).toBe(isRefused)
      if (refused === undefined) continue
      expect(refused).toBeInstanceOf(RangeError)
      expect(refused.message).toMatch(
        /^(bucket|keyed|window|semaphore|budget|breaker): \S+ must be an? (number|integer) >=? \S+ and <= \S+(, or (NaN|Infinity))?; received \S+$/,
      )
      expect(refused.message).toContain(`: ${option} must be`)
      if (option !== 'min' && option !== 'maxQueue')
        expect(refused.message).toMatch(new RegExp(`received ${String(value).replace('+', '\\+')}$`))
    }
  })
})
