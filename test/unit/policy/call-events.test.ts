// The events `success` and `failure` of every policy.
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  bulkhead,
  type CallEvents,
  circuitBreaker,
  coalesce,
  fallback,
  hedge,
  pipeline,
  type Policy,
  rateLimit,
  retry,
  timeout,
  withRateLimit,
} from 'amorsize'
import { chaos, FakeClock } from 'amorsize/testing'
import { describe, expect, it, vi } from 'vitest'

type Listened = Policy & {
  on<K extends keyof CallEvents>(event: K, listener: (payload: CallEvents[K]) => void): () => void
}

/** What is told of the calls of a policy: `ms`, or the error and `ms`. */
function told(policy: Listened): unknown[] {
  const heard: unknown[] = []
  policy.on('success', ({ durationMs }) => heard.push(durationMs))
  policy.on('failure', ({ error, durationMs }) => heard.push([error, durationMs]))
  return heard
}

const down = new Error('down')

/** Ends after `ms` of the clock. */
function after(clock: FakeClock, ms: number, error?: Error): () => Promise<string> {
  return () =>
    new Promise((resolve, reject) => {
      clock.setTimeout(() => (error === undefined ? resolve('done') : reject(error)), ms)
    })
}

async function outcomeOf(clock: FakeClock, call: Promise<unknown>, ms: number): Promise<unknown> {
  const outcome = call.catch((error: unknown) => error)
  await clock.advance(ms)
  return outcome
}

const POLICIES: Record<string, (clock: FakeClock) => Listened> = {
  retry: (clock) => retry({ clock, maxRetries: 0 }),
  circuitBreaker: (clock) => circuitBreaker({ clock }),
  bulkhead: (clock) => bulkhead({ clock, maxConcurrent: 1 }),
  rateLimit: (clock) => rateLimit({ clock }),
  'a limit by key': (clock) => withRateLimit({ clock, capacity: 8, keyed: () => 'a' })(() => undefined).policy,
  fallback: (clock) => fallback('substitute', { clock, if: () => false }),
  chaos: (clock) => chaos({ clock }),
  coalesce: (clock) => coalesce({ clock, key: () => 1 }),
  timeout: (clock) => timeout(1000, { clock }),
  hedge: (clock) => hedge({ clock, afterMs: 1000 }),
}

describe.each(Object.entries(POLICIES))('%s', (_, make) => {
  it.each([
    ['alone', (policy: Policy) => policy],
    ['innermost', (policy: Policy) => pipeline(bulkhead(), policy)],
    ['outermost', (policy: Policy) => pipeline(policy, bulkhead())],
  ])('tells how each call ended, and how long it took: %s', async (_place, within) => {
    const clock = new FakeClock()
    const policy = make(clock)
    const heard = told(policy)
    const all = within(policy)
    expect(await outcomeOf(clock, all.execute(after(clock, 30)), 30)).toBe('done')
    expect(await outcomeOf(clock, all.execute(after(clock, 20, down)), 20)).toBe(down)
    expect(await outcomeOf(clock, all.wrap(() => 'at once')(), 0)).toBe('at once')
    expect(heard).toEqual([30, [down, 20], 0])
  })

  it.each([
    ['alone', (policy: Policy) => policy],
    ['innermost', (policy: Policy) => pipeline(bulkhead(), policy)],
    ['outermost', (policy: Policy) => pipeline(policy, bulkhead())],
  ])('tells of a caller that gave up what it got, once the function has ended: %s', async (_place, within) => {
    const clock = new FakeClock()
    const policy = make(clock)
    const heard = told(policy)
    for (const error of [undefined, down]) {
      const controller = new AbortController()
      const call = within(policy).execute(after(clock, 30, error), { signal: controller.signal })
      controller.abort('enough')
      await expect(call).rejects.toBe('enough')
      await clock.advance(30)
    }
    expect(heard).toEqual([
      ['enough', 30],
      ['enough', 30],
    ])
  })

  it('tells nobody any more who has gone, nor of calls that had begun before', async () => {
    const clock = new FakeClock()
    const policy = make(clock)
    const begun = policy.execute(after(clock, 10))
    const listener = vi.fn()
    const offs = [policy.on('success', listener), policy.on('success', listener)]
    await outcomeOf(clock, begun, 10)
    await policy.execute(() => 1)
    expect(listener.mock.calls).toEqual([[{ durationMs: 0 }]])
    for (const off of [...offs, ...offs]) off()
    await policy.execute(() => 1)
    expect(listener).toHaveBeenCalledTimes(1)
    policy.on('success', listener)
    await policy.execute(() => 1)
    expect(listener).toHaveBeenCalledTimes(2)
  })
})

it('coalesce tells each caller of how the shared call ended', async () => {
  const clock = new FakeClock()
  const policy = coalesce({ key: () => 1 })
  const heard: string[] = []
  policy.on('success', () => heard.push('success'))
  policy.on('failure', () => heard.push('failure'))
  const load = policy.wrap(after(clock, 5))
  await outcomeOf(clock, Promise.all([load(), load()]), 5)
  await outcomeOf(clock, policy.wrap(after(clock, 5, down))(), 5)
  expect(heard).toEqual(['success', 'success', 'failure'])
})

describe('in a pipeline', () => {
  it('each policy tells of what it made of the calls that came to it', async () => {
    const clock = new FakeClock()
    const parts = {
      substitute: fallback('substitute', { clock }),
      again: retry({ clock, maxRetries: 2, initialDelayMs: 100, exponentialBase: 1, jitter: 'none' }),
      breaker: circuitBreaker({ clock }),
      inTime: timeout(50, { clock }),
    }
    const heard = Object.fromEntries(Object.entries(parts).map(([name, policy]) => [name, told(policy)]))
    const api = pipeline(...Object.values(parts))
    let calls = 0
    const answer = await outcomeOf(
      clock,
      api.execute(() => after(clock, 10, ++calls < 3 ? down : undefined)()),
      230,
    )
    expect(answer).toBe('done')
    expect(heard).toEqual({
      substitute: [230],
      again: [230],
      breaker: [[down, 10], [down, 10], 10],
      inTime: [[down, 10], [down, 10], 10],
    })
  })

  it('refusals and time-outs are failures of whoever refuses, and of those around, but for who makes good', async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ clock, failureThreshold: 1 })
    const inTime = timeout(50, { clock })
    const substitute = fallback('substitute', { clock })
    const [ofBreaker, ofTimeout, ofFallback] = [told(breaker), told(inTime), told(substitute)]
    const api = pipeline(substitute, breaker, inTime)
    expect(await outcomeOf(clock, api.execute(after(clock, 500)), 60)).toBe('substitute')
    expect(
      await outcomeOf(
        clock,
        api.execute(() => 'never called'),
        0,
      ),
    ).toBe('substitute')
    const late = [expect.objectContaining({ code: 'ERR_TIMEOUT_EXCEEDED' }), 50]
    expect(ofTimeout).toEqual([late])
    expect(ofBreaker).toEqual([late, [expect.objectContaining({ code: 'ERR_CIRCUIT_OPEN' }), 0]])
    expect(ofFallback).toEqual([50, 0])
  })

  it('a call that is refused after a wait has waited', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ clock, maxConcurrent: 1, maxWaitMs: 40 })
    const heard = told(slots)
    const holding = slots.execute(after(clock, 100))
    const refused = slots.execute(() => 'never called').catch(() => undefined)
    await clock.advance(100)
    await Promise.all([holding, refused])
    expect(heard).toEqual([[expect.objectContaining({ code: 'ERR_BULKHEAD_REJECTED' }), 40], 100])
  })

  it('one inside a hedge tells of each attempt', async () => {
    const clock = new FakeClock()
    const [outer, inner] = [hedge({ clock, afterMs: 10 }), bulkhead({ clock })]
    const [ofOuter, ofInner] = [told(outer), told(inner)]
    await outcomeOf(clock, pipeline(outer, inner).execute(after(clock, 30)), 50)
    expect(ofOuter).toEqual([30])
    expect(ofInner).toEqual([30, 30])
  })
})

it('listeners are called in the async context of the call', async () => {
  const clock = new FakeClock()
  const context = new AsyncLocalStorage<string>()
  const policies: Listened[] = [retry({ clock }), timeout(1000, { clock })]
  const heard: unknown[] = []
  for (const policy of policies) policy.on('success', () => heard.push(context.getStore()))
  for (const policy of policies) {
    const call = context.run('of the call', () => policy.execute(after(clock, 5)))
    await context.run('of the clock', () => clock.advance(5))
    await call
  }
  expect(heard).toEqual(['of the call', 'of the call'])
})

it('a listener that throws changes no outcome', async () => {
  const listened: Listened[] = [retry(), timeout(1000)]
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  for (const policy of listened) {
    policy.on('success', () => {
      throw new Error('listener')
    })
    expect(await policy.execute(() => 1)).toBe(1)
  }
  expect(warned).toHaveBeenCalledTimes(2)
  warned.mockRestore()
})

it('the channel of a kind, which would be flooded, hears nothing of it', async () => {
  const heard: unknown[] = []
  const hear = (message: unknown): void => void heard.push(message)
  subscribe('amorsize:bulkhead', hear)
  const slots = bulkhead({ maxConcurrent: 1 })
  told(slots)
  await slots.execute(() => 1)
  unsubscribe('amorsize:bulkhead', hear)
  expect(heard).toEqual([])
})

it('names the events there are', () => {
  expect(() => retry().on('succeeded' as never, () => undefined)).toThrow(
    /'retry', 'recovered', 'gaveUp', 'success', 'failure'/,
  )
})
