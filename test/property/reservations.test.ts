import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'

interface Grant {
  atMs: number
  tokens: number
}

type Step =
  | { kind: 'reserve' | 'acquire' | 'try'; tokens: number }
  | { kind: 'cancel' | 'abort'; which: number }
  | { kind: 'advance'; ms: number }

const RATE = 100
const BURST = 4
const GRACE_MS = 10

const tokens = fc.integer({ min: 1, max: BURST })
const which = fc.nat(20)
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('reserve' as const, 'acquire' as const), tokens }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('try' as const), tokens }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'cancel' as const, 'abort' as const), which }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
)

/** Plays it to its end; returns when tokens were used, and the numbers of those who waited as they were served. */
async function play(script: readonly Step[]): Promise<{ grants: Grant[]; order: number[] }> {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond: RATE, burstSize: BURST, clock })
  const grants: Grant[] = []
  const order: number[] = []
  const reserved: { cancel(): number; grant: Grant }[] = []
  const waiting: AbortController[] = []
  let came = 0
  for (const step of script) {
    switch (step.kind) {
      case 'advance':
        await clock.advance(step.ms)
        break
      case 'try':
        if (limiter.tryAcquire(step.tokens)) grants.push({ atMs: clock.now(), tokens: step.tokens })
        break
      case 'reserve': {
        const made = limiter.reserve(step.tokens)
        // Whoever reserves keeps to the time that it was told.
        reserved.push({ cancel: () => made.cancel(), grant: { atMs: clock.now() + made.waitMs, tokens: step.tokens } })
        break
      }
      case 'acquire': {
        const controller = new AbortController()
        const number = came++
        waiting.push(controller)
        void limiter.acquire(step.tokens, { signal: controller.signal }).then(
          () => {
            grants.push({ atMs: clock.now(), tokens: step.tokens })
            order.push(number)
          },
          () => undefined,
        )
        break
      }
      case 'abort':
        waiting.splice(step.which % Math.max(1, waiting.length), 1)[0]?.abort()
        break
      case 'cancel': {
        const index = step.which % Math.max(1, reserved.length)
        const one = reserved[index]
        // Who has acted does not cancel.
        if (one === undefined || one.grant.atMs < clock.now()) break
        reserved.splice(index, 1)
        const returned = one.cancel()
        expect(returned).toBeLessThanOrEqual(one.grant.tokens)
      }
    }
  }
  await clock.advance(60_000)
  expect(limiter.stats().waiting).toBe(0)
  expect(limiter.getAvailableTokens()).toBe(BURST)
  return { grants: [...grants, ...reserved.map(({ grant }) => grant)], order }
}

it('whoever reserves, waits, cancels and gives up: the bound holds in every window for those who keep to their times, and order among those who wait', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 40 }), async (script) => {
      const { grants, order } = await play(script)
      expect(order).toEqual([...order].sort((a, b) => a - b))
      grants.sort((a, b) => a.atMs - b.atMs)
      const most = Math.max(BURST, ...grants.map(({ tokens: cost }) => cost + (RATE * GRACE_MS) / 1000))
      for (const [from, { atMs }] of grants.entries()) {
        let admitted = 0
        for (const grant of grants.slice(from)) {
          admitted += grant.tokens
          expect(admitted).toBeLessThanOrEqual(most + (RATE * (grant.atMs - atMs)) / 1000 + 1e-6)
        }
      }
    }),
    { numRuns: 1000 },
  )
})

it('a reservation that is cancelled before callers that wait costs them nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ reserved: tokens, waits: tokens }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 100 }),
      async (pairs, cancelledAtMs) => {
        const clock = new FakeClock()
        const limiter = new RateLimiter({ requestsPerSecond: RATE, burstSize: BURST, clock })
        limiter.tryAcquire(BURST)
        let served = 0
        let lastMs = 0
        const reservations = pairs.map(({ reserved, waits }) => {
          void limiter.acquire(waits).then(() => {
            served += waits
            lastMs = clock.now()
          })
          return limiter.reserve(reserved)
        })
        await clock.advance(cancelledAtMs)
        const came = clock.now()
        for (const one of reservations) one.cancel()
        await clock.advance(60_000)
        expect(served).toBe(pairs.reduce((sum, { waits }) => sum + waits, 0))
        // All of them, as if nobody had reserved; but for what was due before it was cancelled, and is too old to be had.
        const dueMs = (served / RATE) * 1000
        expect(lastMs).toBeLessThanOrEqual(Math.max(dueMs, came + dueMs) + 0.001)
      },
    ),
    { numRuns: 300 },
  )
})
