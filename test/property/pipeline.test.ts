import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fallback, pipeline, type Policy, retry, timeout } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { outcomeOf } from '../support/policies.js'

// Compositions of policies against an interpreter that knows no promises, timers or signals: it works out from the script of
// the function alone when and how a call ends and how often the function is called.

type Spec =
  | { kind: 'retry'; maxRetries: number; delayMs: number; base: number; maxElapsedMs: number }
  | { kind: 'timeout'; ms: number; cooperative: boolean }
  | { kind: 'fallback' }

/** One call of the function: how long it takes, how it ends, and whether it ends early when its signal is aborted. */
interface Step {
  ms: number
  ok: boolean
  heedsSignal: boolean
}

interface Result {
  atMs: number
  ok: boolean
  value: string
}

// Fractions tell the kinds of time apart, so that no two things happen in the same instant.
const spec: fc.Arbitrary<Spec> = fc.oneof(
  fc.record({
    kind: fc.constant('retry' as const),
    maxRetries: fc.integer({ min: 0, max: 4 }),
    delayMs: fc.integer({ min: 0, max: 40 }),
    base: fc.constantFrom(1, 2, 3),
    maxElapsedMs: fc.oneof(
      fc.constant(Infinity),
      fc.integer({ min: 1, max: 200 }).map((ms) => ms + 0.7),
    ),
  }),
  fc.record({
    kind: fc.constant('timeout' as const),
    ms: fc.integer({ min: 1, max: 200 }).map((ms) => ms + 0.5),
    cooperative: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('fallback' as const) }),
)
const apart = (specs: Spec[]): Spec[] =>
  specs.map((each, index) => (each.kind === 'timeout' ? { ...each, ms: each.ms + index * 0.03 } : each))
const step: fc.Arbitrary<Step> = fc.record({
  ms: fc.integer({ min: 0, max: 120 }).map((ms) => ms + 0.01),
  ok: fc.boolean(),
  heedsSignal: fc.boolean(),
})

class Interpreter {
  calls = 0
  readonly #specs: readonly Spec[]
  readonly #script: readonly Step[]

  constructor(specs: readonly Spec[], script: readonly Step[]) {
    this.#specs = specs
    this.#script = script
  }

  /**
   * @param abortMs - when what is outside aborts
   * @param deadlineMs - the part of that which is known in advance: time-outs, not the caller
   */
  run(index: number, nowMs: number, abortMs: number, deadlineMs: number): Result {
    const spec = this.#specs[index]
    if (nowMs >= abortMs) return { atMs: nowMs, ok: false, value: 'aborted' }
    switch (spec?.kind) {
      case undefined:
        return this.#call(nowMs, abortMs)
      case 'retry':
        return this.#retry(spec, index, nowMs, abortMs, deadlineMs)
      case 'timeout': {
        const dueMs = nowMs + spec.ms
        const inner = this.run(index + 1, nowMs, Math.min(abortMs, dueMs), Math.min(deadlineMs, dueMs))
        if (inner.atMs < dueMs || abortMs < dueMs) return inner
        return { atMs: spec.cooperative ? inner.atMs : dueMs, ok: false, value: `timeout ${spec.ms}` }
      }
      case 'fallback': {
        const inner = this.run(index + 1, nowMs, abortMs, deadlineMs)
        return inner.ok || inner.atMs >= abortMs ? inner : { atMs: inner.atMs, ok: true, value: `spare ${index}` }
      }
    }
  }

  #call(nowMs: number, abortMs: number): Result {
    const step = this.#script[this.calls++ % this.#script.length]!
    if (step.heedsSignal && nowMs + step.ms > abortMs) return { atMs: abortMs, ok: false, value: 'aborted' }
    return { atMs: nowMs + step.ms, ok: step.ok, value: `call ${this.calls}` }
  }

  #retry(spec: Spec & { kind: 'retry' }, index: number, startMs: number, abortMs: number, deadlineMs: number): Result {
    let nowMs = startMs
    for (let failures = 1; ; failures++) {
      const inner = this.run(index + 1, nowMs, abortMs, deadlineMs)
      if (inner.ok || inner.atMs >= abortMs || spec.maxRetries === 0) return inner
      const delayMs = spec.delayMs * spec.base ** (failures - 1)
      const isLate = inner.atMs + delayMs > Math.min(deadlineMs, startMs + spec.maxElapsedMs)
      if (failures > spec.maxRetries || isLate) return { ...inner, ok: false, value: `exhausted after ${failures}` }
      nowMs = inner.atMs + delayMs
      if (nowMs > abortMs) return { atMs: abortMs, ok: false, value: 'aborted' }
    }
  }
}

function build(specs: readonly Spec[], clock: FakeClock): Policy {
  return pipeline(
    ...specs.map((spec, index) => {
      switch (spec.kind) {
        case 'retry': {
          const { maxRetries, delayMs, base, maxElapsedMs } = spec
          return retry({
            maxRetries,
            initialDelayMs: delayMs,
            exponentialBase: base,
            maxDelayMs: 1e9,
            maxElapsedMs,
            jitter: 'none',
            clock,
          })
        }
        case 'timeout':
          return timeout(spec.ms, { strategy: spec.cooperative ? 'cooperative' : 'aggressive', clock })
        case 'fallback':
          return fallback(`spare ${index}`)
      }
    }),
  )
}

interface KnownError extends Error {
  code?: string
  attempts?: number
  timeoutMs?: number
}

function nameOf(error: unknown): string {
  const { code, attempts, timeoutMs, message } = error as KnownError
  if (code === 'ERR_RETRY_EXHAUSTED') return `exhausted after ${attempts}`
  if (code === 'ERR_TIMEOUT_EXCEEDED') return `timeout ${timeoutMs}`
  return message
}

async function runReal(
  specs: readonly Spec[],
  script: readonly Step[],
  abortMs: number,
): Promise<{ calls: number; result: Result; leftTimers: number }> {
  const clock = new FakeClock()
  let calls = 0
  const controller = new AbortController()
  const fn = ({ signal }: { signal: AbortSignal }): Promise<string> =>
    new Promise((resolve, reject) => {
      const step = script[calls++ % script.length]!
      const value = `call ${calls}`
      const timer = clock.setTimeout(() => (step.ok ? resolve(value) : reject(new Error(value))), step.ms)
      if (!step.heedsSignal) return
      signal.addEventListener('abort', () => {
        clock.clearTimeout(timer)
        reject(new Error('aborted'))
      })
    })
  if (abortMs !== Infinity) clock.setTimeout(() => controller.abort(new Error('aborted by the caller')), abortMs)
  const policy = build(specs, clock)
  const outcome = outcomeOf(
    clock,
    abortMs === Infinity ? policy.execute(fn) : policy.execute(fn, { signal: controller.signal }),
  )
  await clock.advance(1e6)
  const { value, error, atMs } = await outcome
  const ok = error === undefined
  return { calls, result: { atMs, ok, value: ok ? String(value) : nameOf(error) }, leftTimers: clock.pendingTimers }
}

describe('compositions of policies', () => {
  // The bad orders among them are meant.
  process.removeAllListeners('warning')
  process.on('warning', () => undefined)

  it('end when, how and after as many calls as a reference interpreter says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(spec, { minLength: 1, maxLength: 5 }).map(apart),
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.oneof(
          { weight: 2, arbitrary: fc.constant(Infinity) },
          fc.integer({ min: 0, max: 250 }).map((ms) => ms + 0.9),
        ),
        async (specs, script, abortMs) => {
          const interpreter = new Interpreter(specs, script)
          let expected = interpreter.run(0, 0, abortMs, Infinity)
          // Whoever called stops waiting at once.
          if (expected.atMs >= abortMs) expected = { atMs: abortMs, ok: false, value: 'aborted by the caller' }
          const { calls, result, leftTimers } = await runReal(specs, script, abortMs)
          expect({ ...result, atMs: expect.closeTo(expected.atMs, 6) }).toEqual({
            ...expected,
            atMs: expect.closeTo(expected.atMs, 6),
          })
          expect(result.atMs).toBeCloseTo(expected.atMs, 6)
          expect(calls).toBe(interpreter.calls)
          expect(leftTimers).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
