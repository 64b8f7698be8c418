import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  hedge,
  pipeline,
  type Policy,
  type PolicyFunction,
  rateLimit,
  retry,
  timeout,
  withRetry,
  withTimeout,
  type Wrapped,
} from '../../../dist/index.js'
import { wrapWithPolicy } from '../../../dist/internal/policy.js'
import { Hold } from '../../../dist/policy/stages/hold.js'
import { StagedPolicy } from '../../../dist/policy/stages/staged-policy.js'
import type { Call } from '../../../dist/policy/stages/stage.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, failing, outcomeOf } from '../../support/policies.js'

/** Notes the way of a call; refuses, waits or asks for another attempt as told. */
class Probe extends StagedPolicy {
  readonly kind = 'probe'
  constructor(
    name: string,
    log: string[],
    o: { enter?: () => Promise<void> | undefined; leave?: (call: Call) => undefined } = {},
  ) {
    super([
      {
        kind: 'probe',
        enter: () => (log.push(`+${name}`), o.enter?.()),
        leave: (call: Call) => {
          log.push(`-${name}${call.failed ? '!' : ''}`)
          o.leave?.(call)
        },
      },
    ])
  }
}

/** The least a bulkhead can be: slots, without a queue. */
class Slots extends StagedPolicy {
  readonly kind = 'slots'
  used = 0
  constructor() {
    super([
      {
        kind: 'slots',
        enter: (call) => {
          this.used++
          call.hold = new Hold(call.hold, () => {
            this.used--
          })
          return undefined
        },
        leave: (call) => {
          const hold = call.hold!
          call.hold = hold.outer
          hold.leave()
          return undefined
        },
      },
    ])
  }
}

/** A policy that knows nothing of this package. */
class Foreign implements Policy {
  calls = 0
  async execute<T>(fn: PolicyFunction<T>, options: { signal?: AbortSignal | undefined } = {}): Promise<T> {
    this.calls++
    await Promise.resolve()
    return fn({ signal: options.signal ?? new AbortController().signal })
  }
  wrap<F extends (...args: never[]) => unknown>(fn: F): Wrapped<F> {
    return wrapWithPolicy(this, fn)
  }
}

describe('pipeline', () => {
  it('applies policies in the order written, outermost first, also nested ones', async () => {
    const log: string[] = []
    const policy = pipeline(new Probe('a', log), pipeline(new Probe('b', log), timeout(100)), new Probe('c', log))
    expect(await policy.execute(() => (log.push('fn'), 1))).toBe(1)
    expect(log).toEqual(['+a', '+b', '+c', 'fn', '-c', '-b', '-a'])
  })

  it('leaves exactly the stages it entered when one refuses, at once or after a wait', async () => {
    const refusal = new Error('full')
    for (const enter of [
      () => {
        throw refusal
      },
      () => Promise.reject(refusal),
    ]) {
      const log: string[] = []
      const policy = pipeline(new Probe('a', log), new Probe('b', log, { enter }), new Probe('c', log))
      await expect(policy.execute(() => log.push('fn'))).rejects.toBe(refusal)
      expect(log).toEqual(['+a', '+b', '-a!'])
    }
  })

  it('enters anew what lies inside a retry, and only that', async () => {
    const log: string[] = []
    const clock = new FakeClock()
    const policy = pipeline(new Probe('a', log), retry({ clock, initialDelayMs: 0 }), new Probe('b', log))
    const outcome = outcomeOf(clock, policy.execute(failing(clock, 1)))
    await clock.advance(0)
    expect((await outcome).value).toBe('done')
    expect(log).toEqual(['+a', '+b', '-b!', '+b', '-b', '-a'])
  })

  it('goes on leaving when a stage throws while it leaves', async () => {
    const log: string[] = []
    const fault = new Error('fault of b')
    const leave = (): undefined => {
      throw fault
    }
    const policy = pipeline(new Probe('a', log), new Probe('b', log, { leave }), new Probe('c', log))
    await expect(policy.execute(() => 1)).rejects.toBe(fault)
    expect(log).toEqual(['+a', '+b', '+c', '-c', '-b', '-a!'])
  })

  it('does not call the function when the caller aborts while a stage waits', async () => {
    const log: string[] = []
    const gate = deferred()
    const controller = new AbortController()
    const policy = pipeline(new Probe('a', log, { enter: () => gate.promise }))
    const outcome = outcomeOf(
      new FakeClock(),
      policy.execute(() => log.push('fn'), { signal: controller.signal }),
    )
    controller.abort('enough')
    expect((await outcome).error).toBe('enough')
    gate.resolve()
    await gate.promise
    await Promise.resolve()
    expect(log).not.toContain('fn')
  })

  it('holds a slot until the function has ended, not until its time-out fires', async () => {
    const clock = new FakeClock()
    const slots = new Slots()
    const work = deferred()
    const outcome = outcomeOf(
      clock,
      pipeline(slots, timeout(10, { clock })).execute(() => work.promise),
    )
    await clock.advance(10)
    expect((await outcome).error).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(slots.used).toBe(1)
    work.reject(new Error('too late to matter'))
    await clock.advance(0)
    expect(slots.used).toBe(0)
  })

  it('holds a slot for each attempt that runs on after its time-out', async () => {
    const clock = new FakeClock()
    const slots = new Slots()
    const work = deferred()
    const policy = pipeline(retry({ maxRetries: 2, initialDelayMs: 0, clock }), slots, timeout(10, { clock }))
    const outcome = outcomeOf(
      clock,
      policy.execute(() => work.promise),
    )
    await clock.advance(30)
    await outcome
    expect(slots.used).toBe(3)
    work.resolve()
    await clock.advance(0)
    expect(slots.used).toBe(0)
  })

  it('frees a slot when the caller aborts and the function has ended', async () => {
    const clock = new FakeClock()
    const slots = new Slots()
    const controller = new AbortController()
    const work = deferred()
    const outcome = outcomeOf(
      clock,
      slots.execute(() => work.promise, { signal: controller.signal }),
    )
    controller.abort('enough')
    expect((await outcome).error).toBe('enough')
    expect(slots.used).toBe(1)
    work.resolve()
    await clock.advance(0)
    expect(slots.used).toBe(0)
  })

  it('takes in a policy from elsewhere and passes the signal through it', async () => {
    const clock = new FakeClock()
    const foreign = new Foreign()
    const policy = pipeline(timeout(50, { clock }), foreign, retry({ maxRetries: 1, initialDelayMs: 0, clock }))
    const fn = failing(clock, 1)
    const fine = outcomeOf(clock, policy.execute(fn))
    await clock.advance(1)
    expect((await fine).value).toBe('done')
    expect(foreign.calls).toBe(1)
    let seen: AbortSignal | undefined
    const late = outcomeOf(
      clock,
      policy.execute(({ signal }) => ((seen = signal), new Promise(() => undefined))),
    )
    await clock.advance(50)
    expect((await late).error).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    expect(seen?.aborted).toBe(true)
  })

  it('has a slot back when what a policy from elsewhere has run is over', async () => {
    const slots = bulkhead({ maxConcurrent: 1 })
    const policy = pipeline(slots, new Foreign())
    expect(await policy.execute(() => slots.available)).toBe(0)
    await expect(policy.execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(slots.available).toBe(1)
  })

  it('takes in a policy from elsewhere that calls what it guards without a context', async () => {
    const foreign = { execute: (fn: () => unknown) => fn(), wrap: (fn: unknown) => fn } as unknown as Policy
    const policy = pipeline(timeout(50, { clock: new FakeClock() }), foreign, retry({ maxRetries: 1 }))
    await expect(policy.execute(({ attempt, signal }) => Promise.resolve([attempt, signal.aborted]))).resolves.toEqual([
      0,
      false,
    ])
  })

  it('waits for what a policy from elsewhere returns, also where that is no Promise of this realm', async () => {
    const clock = new FakeClock()
    const foreign: Policy = {
      execute: (fn) => {
        const promise = Promise.resolve(fn({ signal: new AbortController().signal }))
        return { then: promise.then.bind(promise) } as typeof promise
      },
      wrap: (fn) => fn as never,
    }
    const fn = failing(clock, 2)
    const outcome = outcomeOf(clock, pipeline(retry({ initialDelayMs: 0, clock }), foreign).execute(fn))
    await clock.advance(1)
    expect(await outcome).toEqual({ value: 'done', atMs: 0 })
    expect(fn.calledAt).toHaveLength(3)
  })

  it('makes no AbortSignal unless the function reads one, and then one for each call', async () => {
    const policy = pipeline(retry(), timeout(100))
    const signals = await Promise.all([1, 2].map(() => policy.execute(({ signal }) => signal)))
    expect(signals[0]).not.toBe(signals[1])
    const real = globalThis.AbortController
    let made = 0
    globalThis.AbortController = class extends real {
      constructor() {
        super()
        made++
      }
    }
    try {
      await policy.execute(() => 1)
      expect(made).toBe(0)
    } finally {
      globalThis.AbortController = real
    }
  })

  it("gives the function the caller's own signal where nothing else can abort it", async () => {
    const { signal } = new AbortController()
    expect(await retry().execute((context) => context.signal, { signal })).toBe(signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it.each([[[]], [[undefined]], [[() => 1]], [[retry(), {}]]])('refuses %j', (policies) => {
    expect(() => pipeline(...(policies as Policy[]))).toThrow(TypeError)
  })
})

describe('an order that is known to be bad', () => {
  const warningsOf = async (make: () => unknown): Promise<string[]> => {
    const warnings: string[] = []
    const listener = (warning: Error): unknown => warnings.push(warning.message)
    process.on('warning', listener)
    make()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listener)
    return warnings
  }

  it('gives one process warning that says why', async () => {
    const make = (): unknown => pipeline(retry(), fallback('x'))
    expect(await warningsOf(make)).toEqual([expect.stringMatching(/a retry is outside a fallback: .* never a failure/)])
    expect(await warningsOf(make)).toEqual([])
  })

  it.each([
    [
      'a circuit-breaker is outside a retry: .* a half-open probe becomes a volley',
      () => pipeline(circuitBreaker(), retry()),
    ],
    ['a circuit-breaker is outside a fallback: .* never a failure', () => pipeline(circuitBreaker(), fallback('x'))],
    ['a circuit-breaker is outside a hedge: .* two calls', () => pipeline(circuitBreaker(), hedge({ afterMs: 10 }))],
    ['a rate-limit is outside a circuit-breaker: .* use up tokens', () => pipeline(rateLimit(), circuitBreaker())],
  ])('%s', async (warning, make) => {
    expect(await warningsOf(make)).toEqual([expect.stringMatching(warning)])
    expect(
      await warningsOf(() =>
        pipeline(
          fallback('x'),
          timeout(1e6),
          retry(),
          hedge({ afterMs: 10 }),
          circuitBreaker(),
          rateLimit(),
          timeout(10),
        ),
      ),
    ).toEqual([])
  })

  it('is noticed in a time limit that cannot be meant', async () => {
    expect(await warningsOf(() => pipeline(retry({ maxElapsedMs: 1000 }), timeout(5000)))).toEqual([
      expect.stringMatching(/retry of 1000 ms outside a timeout of 5000 ms: .* put it outside to bound the total/),
    ])
  })

  it('is noticed between stacked decorators too', async () => {
    expect(await warningsOf(() => withRetry()(withRetry()(() => 1)))).toEqual([
      expect.stringMatching(/their attempts multiply/),
    ])
  })

  it('is not seen in the usual order', async () => {
    const usual = (): unknown => pipeline(fallback(0), timeout(9000), retry(), timeout(1000))
    expect(await warningsOf(usual)).toEqual([])
  })
})

describe('stacked guards', () => {
  it('are one pipeline: a time-out outside ends a back-off inside', async () => {
    const clock = new FakeClock()
    const fn = failing(clock, Infinity)
    const inner = withRetry({ maxRetries: Infinity, jitter: 'none', clock })(fn)
    const outer = withTimeout(1000, { clock })(inner)
    const outcome = outcomeOf(clock, outer())
    await clock.advance(60_000)
    // 0, 100, 300, 700: the next one would come at 1500, past the time-out, so it gives up.
    expect(fn.calledAt).toEqual([0, 100, 300, 700])
    expect(await outcome).toMatchObject({ atMs: 700, error: { code: 'ERR_RETRY_EXHAUSTED' } })
    expect([outer.policy.kind, inner.policy.kind]).toEqual(['timeout', 'retry'])
  })

  it('keep the policy shared with the inner function', async () => {
    const inner = withRetry({ maxRetries: 0 })(() => 1)
    const outer = withTimeout(1000)(inner)
    await outer()
    await inner()
    expect(inner.policy.stats().calls).toBe(2)
  })
})

describe('diagnostics channels', () => {
  it('carry the events of all policies of a kind while somebody subscribes', async () => {
    const clock = new FakeClock()
    const heard: unknown[] = []
    const listener = (message: unknown): unknown => heard.push(message)
    subscribe('amorsize:timeout', listener)
    const call = (): Promise<unknown> => {
      const outcome = outcomeOf(
        clock,
        timeout(10, { clock, name: 'slow' }).execute(() => new Promise(() => undefined)),
      )
      return clock.advance(10).then(() => outcome)
    }
    await call()
    unsubscribe('amorsize:timeout', listener)
    await call()
    expect(heard).toEqual([{ event: 'timeout', name: 'slow', timeoutMs: 10 }])
  })
})
