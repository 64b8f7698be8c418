import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  hedge,
  pipeline,
  type Policy,
  rateLimit,
  RateLimiter,
  retry,
  timeout,
} from 'amorsize'
import { FakeClock } from 'amorsize/testing'

const users = new AsyncLocalStorage<string>()
const current = (): string => users.getStore() ?? 'nobody'

type Kind = 'retry' | 'hedge' | 'timeout' | 'bulkhead' | 'breaker' | 'rate limit' | 'fallback'
const kinds: readonly Kind[] = ['retry', 'hedge', 'timeout', 'bulkhead', 'breaker', 'rate limit', 'fallback']

/** Every hook of every policy notes who it runs as; errors and results tell whose they are. */
function make(kind: Kind, ms: number, clock: FakeClock, note: (owner: unknown) => void): Policy {
  const ownerOf = (value: unknown): unknown => (value as { owner?: unknown }).owner ?? current()
  switch (kind) {
    case 'retry':
      return retry({
        maxRetries: 2,
        initialDelayMs: ms,
        clock,
        retryIf: (error) => (note(ownerOf(error)), true),
        onRetry: (error) => note(ownerOf(error)),
      })
    case 'hedge':
      return hedge({ afterMs: ms, maxAttempts: 3, clock })
    case 'timeout':
      return timeout(ms, { clock })
    case 'bulkhead':
      return bulkhead({ maxConcurrent: 2, maxWaitMs: ms * 3, clock })
    case 'breaker':
      return circuitBreaker({
        failureThreshold: 3,
        resetTimeoutMs: ms,
        clock,
        isFailure: (error) => (note(ownerOf(error)), true),
      })
    case 'rate limit':
      return rateLimit(new RateLimiter({ requestsPerSecond: 200, burstSize: 2, maxWaitMs: 50, clock }))
    case 'fallback':
      return fallback((error: unknown) => (note(ownerOf(error)), 'substitute'))
  }
}

class OwnError extends Error {
  readonly owner = current()
}

interface Attempt {
  readonly afterMs: number
  readonly end: 'returns' | 'throws' | 'hangs'
}

const attempt = fc.record<Attempt>({
  afterMs: fc.integer({ min: 0, max: 12 }),
  end: fc.constantFrom('returns', 'throws', 'hangs'),
})
const call = fc.record({
  startMs: fc.integer({ min: 0, max: 20 }),
  attempts: fc.array(attempt, { maxLength: 4 }),
  abortMs: fc.option(fc.integer({ min: 0, max: 60 })),
})
const policies = fc.array(fc.record({ kind: fc.constantFrom(...kinds), ms: fc.integer({ min: 1, max: 10 }) }), {
  minLength: 1,
  maxLength: 5,
})

describe('random pipelines', () => {
  test('run everything of a call as its caller, whoever else is under way', async () => {
    await fc.assert(
      fc.asyncProperty(policies, fc.array(call, { minLength: 2, maxLength: 8 }), async (stages, calls) => {
        const clock = new FakeClock()
        const strangers: string[] = []
        let noted = 0
        const note = (owner: unknown): void => {
          noted++
          if (owner !== current()) strangers.push(`${String(owner)} as ${current()}`)
        }
        const policy = pipeline(...stages.map(({ kind, ms }) => make(kind, ms, clock, note)))
        const ends = calls.map(({ startMs, attempts, abortMs }, index) =>
          users.run(`user ${index}`, async () => {
            const owner = current()
            const abort = new AbortController()
            if (abortMs !== null) users.run('who aborts', () => clock.setTimeout(() => abort.abort(), abortMs))
            await new Promise<void>((resolve) => clock.setTimeout(resolve, startMs))
            note(owner)
            let count = 0
            const result = policy.execute(
              async ({ signal }) => {
                note(owner)
                signal.addEventListener('abort', () => {
                  if (signal !== abort.signal) note(owner)
                })
                const { afterMs, end } = attempts[count++] ?? { afterMs: 1, end: 'returns' }
                await new Promise<void>((resolve) => clock.setTimeout(resolve, afterMs))
                note(owner)
                if (end === 'hangs') await new Promise(() => undefined)
                if (end === 'throws') throw new OwnError('on purpose')
                return owner
              },
              { signal: abort.signal },
            )
            // What hangs for good in a pipeline without a timeout is not waited for.
            void result.then(
              () => note(owner),
              (error: unknown) => note((error as { owner?: unknown }).owner ?? owner),
            )
          }),
        )
        await users.run('who moves the clock', () => clock.advance(500))
        await Promise.all(ends)
        expect(strangers).toEqual([])
        expect(noted).toBeGreaterThanOrEqual(calls.length)
      }),
      { numRuns: 150 },
    )
  })
})
