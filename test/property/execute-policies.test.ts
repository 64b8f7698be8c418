import {
  AmorsizeError,
  bulkhead,
  circuitBreaker,
  execute,
  fallback,
  pipeline,
  type Policy,
  rateLimit,
  retry,
  RetryBudget,
  type ScheduleOptions,
  task,
  timeout,
} from 'amorsize'
import fc from 'fast-check'
import { expect } from 'vitest'
import { itWithAddon } from '../support/native.js'

/** So far apart that a busy machine does not blur them. */
const LIMIT_MS = 400
const SLOW_MS = 1000

interface Item {
  readonly marks: Int32Array
  readonly n: number
  readonly script: readonly string[]
  readonly slowMs: number
}
const scripted = task<Item, string>(new URL('../fixtures/tasks/guarded.mjs', import.meta.url), 'scripted')

/** A policy, made anew for each run: [what, a number that means something to it]. */
type Spec = readonly [kind: string, n: number]

const make: Record<string, (n: number, position: number) => Policy> = {
  retry: (n) => retry({ maxRetries: n, initialDelayMs: 1, maxDelayMs: 2 }),
  thrifty: (n) =>
    retry({
      maxRetries: 2,
      initialDelayMs: 1,
      maxDelayMs: 2,
      budget: new RetryBudget({ ratio: 0, minPerSecond: n / 3600, ttlMs: 3_600_000 }),
    }),
  timeout: (n) => timeout(n === 0 ? LIMIT_MS : 60_000, { strategy: n === 1 ? 'cooperative' : 'aggressive' }),
  fallback: (_, position) => fallback({ spare: position }),
  bulkhead: (n) => bulkhead({ maxConcurrent: n + 1 }),
  breaker: (n) => circuitBreaker({ failureThreshold: n + 1 }),
  limit: (n) => rateLimit({ requestsPerSecond: 1e-6, burstSize: 3 * n + 1, waitOnLimit: false }),
}
/** What they make of an item depends on no other item, unless {@link isTimedWait}. */
const APART = ['retry', 'timeout', 'fallback', 'bulkhead']

/** Whether an item that waits for a slot may run out of time: two workers wait at the same moment, the loop for one after the other. */
function isTimedWait(specs: readonly Spec[]): boolean {
  return specs.some(([kind]) => kind === 'bulkhead') && specs.some(([kind, n]) => kind === 'timeout' && n === 0)
}

function build(specs: readonly Spec[], nestedFrom: number): Policy[] {
  const policies = specs.map(([kind, n], position) => make[kind]!(n, position))
  const inner = policies.slice(nestedFrom)
  return inner.length === 0 ? policies : [...policies.slice(0, nestedFrom), pipeline(...inner)]
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { attempts = '' } = error as { attempts?: number }
  const own = AmorsizeError.is(error) ? `${error.code} ${attempts}` : `${error.constructor.name} ${error.message}`
  return error.cause === undefined ? own : `${own} < ${describeError(error.cause)}`
}

async function outcomes(
  specs: readonly Spec[],
  nestedFrom: number,
  scripts: readonly (readonly string[])[],
  options: ScheduleOptions,
): Promise<{ results: unknown[]; calls: number[] }> {
  const marks = new Int32Array(new SharedArrayBuffer(4 * scripts.length))
  const items = scripts.map((script, n) => ({ marks, n, script, slowMs: SLOW_MS }))
  const settled = await execute(scripted, items, { ...options, policies: build(specs, nestedFrom), onError: 'collect' })
  const results = settled.map((one) => (one.status === 'fulfilled' ? one.value : describeError(one.reason)))
  return { results, calls: [...marks] }
}

const script = fc.array(fc.constantFrom('ok', 'fail', 'fail'), { minLength: 1, maxLength: 4 })
const scripts = fc
  .tuple(fc.array(script, { minLength: 1, maxLength: 6 }), fc.nat({ max: 24 }))
  // At most one attempt is slow: it takes long.
  .map(([all, slow]) => all.map((one, n) => (n === slow ? ['slow', ...one] : one)))
const composition = (kinds: readonly string[]): fc.Arbitrary<Spec[]> =>
  fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat({ max: 2 })), { minLength: 1, maxLength: 5 })

const cases: [string, readonly string[], number, number][] = [
  ['one worker does what the loop does, item by item, whatever the policies remember', Object.keys(make), 1, 30],
  ['two workers make of each item what the loop makes of it', APART, 2, 20],
]
itWithAddon.each(cases)('%s', async (_, kinds, workers, numRuns) => {
  await fc.assert(
    fc.asyncProperty(
      composition(kinds).filter((specs) => workers === 1 || !isTimedWait(specs)),
      fc.nat({ max: 5 }),
      scripts,
      async (specs, nestedFrom, all) => {
        const inLoop = await outcomes(specs, nestedFrom, all, { mode: 'serial' })
        const inWorkers = await outcomes(specs, nestedFrom, all, { mode: 'threads', workers, mainThread: false })
        expect(inWorkers).toEqual(inLoop)
      },
    ),
    { numRuns },
  )
})
