import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import {
  BulkheadRejectedError,
  CircuitOpenError,
  pipeline,
  RateLimitExceeded,
  retry,
  RetryBudget,
  retryCall,
  RetryExhaustedError,
  type RetryPolicy,
  timeout,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, failing, outcomeOf } from '../../support/policies.js'

const boom = new Error('boom')

/** Retries without jitter on a clock of its own; notes when the function was called. */
function fixture(options: RetryPolicy = {}) {
  const clock = new FakeClock()
  const policy = retry({ jitter: 'none', clock, ...options })
  return { clock, policy }
}

describe('retry', () => {
  it('calls once when that succeeds', async () => {
    const { clock, policy } = fixture()
    const fn = failing(clock, 0)
    expect(await policy.execute(fn)).toBe('done')
    expect(fn.calledAt).toEqual([0])
  })

  it('backs off exponentially: 100, 200, 400 ms by default', async () => {
    const { clock, policy } = fixture()
    const fn = failing(clock, 3)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    expect(await outcome).toEqual({ value: 'done', atMs: 700 })
    expect(fn.calledAt).toEqual([0, 100, 300, 700])
  })

  it('fails with RetryExhaustedError that holds the count and the last failure', async () => {
    const { clock, policy } = fixture({ maxRetries: 2 })
    const fn = failing(clock, Infinity, (call) => new Error(`failure ${call}`))
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    const { error } = await outcome
    expect(RetryExhaustedError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', attempts: 3, cause: { message: 'failure 3' } })
    expect(clock.pendingTimers).toBe(0)
  })

  it('passes on the first failure with maxRetries 0, and what retryIf refuses, as they are', async () => {
    await expect(fixture({ maxRetries: 0 }).policy.execute(() => Promise.reject(boom))).rejects.toBe(boom)
    const { policy, clock } = fixture({ retryIf: (error) => error !== boom })
    const fn = failing(clock, Infinity, () => boom)
    await expect(policy.execute(fn)).rejects.toBe(boom)
    expect(fn.calledAt).toHaveLength(1)
  })

  it('asks retryIf with the error and the number of attempts', async () => {
    const seen: unknown[] = []
    const { policy, clock } = fixture({
      retryIf: (error, { attempt, signal }) => seen.push([error, attempt, signal.aborted]) < 3,
    })
    const outcome = outcomeOf(clock, policy.execute(failing(clock, Infinity, () => boom)))
    await clock.advance(10_000)
    expect((await outcome).error).toBe(boom)
    expect(seen).toEqual([
      [boom, 1, false],
      [boom, 2, false],
      [boom, 3, false],
    ])
  })

  it('retries results that retryIfResult refuses', async () => {
    const { policy, clock } = fixture({ retryIfResult: (status) => status === 503 })
    const statuses = [503, 503, 200]
    const outcome = outcomeOf(
      clock,
      policy.execute(() => statuses.shift()),
    )
    await clock.advance(1000)
    expect(await outcome).toEqual({ value: 200, atMs: 300 })
  })

  it('names the last result as the cause where results use up the retries', async () => {
    const { policy, clock } = fixture({ maxRetries: 1, retryIfResult: () => true })
    const outcome = outcomeOf(
      clock,
      policy.execute(() => 503),
    )
    await clock.advance(1000)
    expect((await outcome).error).toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', attempts: 2, cause: 503 })
    expect(await fixture({ maxRetries: 0, retryIfResult: () => true }).policy.execute(() => 503)).toBe(503)
  })

  it('tells onRetry the error, the attempt and the delay', async () => {
    const seen: unknown[] = []
    const { policy, clock } = fixture({ maxRetries: 2, onRetry: (...args) => seen.push(args) })
    const outcome = outcomeOf(clock, policy.execute(failing(clock, 2, () => boom)))
    await clock.advance(1000)
    await outcome
    expect(seen).toEqual([
      [boom, 1, 100],
      [boom, 2, 200],
    ])
  })

  it('allows Infinity retries', async () => {
    const { policy, clock } = fixture({ maxRetries: Infinity, maxDelayMs: 100 })
    const fn = failing(clock, 200)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(100 * 200)
    expect(await outcome).toEqual({ value: 'done', atMs: 20_000 })
  })

  it('starts no retry after maxElapsedMs', async () => {
    const { policy, clock } = fixture({ maxRetries: Infinity, maxElapsedMs: 500 })
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    expect(fn.calledAt).toEqual([0, 100, 300])
    expect(await outcome).toMatchObject({ atMs: 300, error: { code: 'ERR_RETRY_EXHAUSTED', attempts: 3 } })
  })

  it('starts one at maxElapsedMs, whenever the call came', async () => {
    const { policy, clock } = fixture({ maxRetries: Infinity, maxElapsedMs: 300 })
    await clock.advance(5000)
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    await outcome
    expect(fn.calledAt).toEqual([5000, 5100, 5300])
  })

  it('does not sleep into a time-out outside', async () => {
    const { policy, clock } = fixture({ maxRetries: Infinity })
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, pipeline(timeout(500, { clock }), policy).execute(fn))
    await clock.advance(10_000)
    expect(await outcome).toMatchObject({ atMs: 300, error: { code: 'ERR_RETRY_EXHAUSTED' } })
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects at once when the caller aborts in a back-off, and calls no more', async () => {
    const { policy, clock } = fixture({ initialDelayMs: 600 })
    const controller = new AbortController()
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
    await clock.advance(50)
    controller.abort(boom)
    await clock.advance(0)
    expect(await outcome).toEqual({ error: boom, atMs: 50 })
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(10_000)
    expect(fn.calledAt).toEqual([0])
    expect(policy.stats()).toEqual({ calls: 1, retries: 1, recovered: 0, failed: 1 })
  })

  it('does not sleep for a caller who aborts in onRetry', async () => {
    const controller = new AbortController()
    const { policy, clock } = fixture({ onRetry: () => controller.abort(boom) })
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
    await clock.advance(0)
    expect(await outcome).toEqual({ error: boom, atMs: 0 })
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(10_000)
    expect(fn.calledAt).toEqual([0])
  })

  it.each([true, false])(
    'makes no retry for a caller who aborts while retryIf is asked, which says %s',
    async (answer) => {
      const asked = deferred<boolean>()
      const { policy, clock } = fixture({ retryIf: () => asked.promise })
      const heard: unknown[] = []
      policy.on('gaveUp', ({ attempts, reason }) => heard.push([attempts, reason]))
      const controller = new AbortController()
      const fn = failing(clock, Infinity)
      const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
      await clock.advance(0)
      controller.abort(boom)
      asked.resolve(answer)
      await clock.advance(10_000)
      expect((await outcome).error).toBe(boom)
      expect(fn.calledAt).toEqual([0])
      expect(heard).toEqual([[1, 'aborted']])
    },
  )

  it('makes no retry of a failure that comes from the abort', async () => {
    const onRetry = vi.fn()
    const { policy, clock } = fixture({ onRetry })
    const controller = new AbortController()
    const heedful = ({ signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
    const outcome = outcomeOf(clock, policy.execute(heedful, { signal: controller.signal }))
    controller.abort(boom)
    expect((await outcome).error).toBe(boom)
    await clock.advance(10_000)
    expect(onRetry).not.toHaveBeenCalled()
    expect(policy.stats()).toEqual({ calls: 1, retries: 0, recovered: 0, failed: 1 })
  })

  it('does not call the function for a signal that is aborted already', async () => {
    const { policy, clock } = fixture()
    const fn = failing(clock, 0)
    await expect(policy.execute(fn, { signal: AbortSignal.abort(boom) })).rejects.toBe(boom)
    expect(fn.calledAt).toEqual([])
  })
})

describe('retry and Retry-After', () => {
  const tooMany = (headers: unknown): Error => Object.assign(new Error('429'), { response: { status: 429, headers } })

  it.each([
    ['seconds', tooMany(new Headers({ 'retry-after': '2' })), 2000],
    ['milliseconds', tooMany({ 'retry-after-ms': '150' }), 150],
    [
      'a date, by the clock of the server',
      tooMany({ 'retry-after': 'Wed, 21 Oct 2015 07:28:03 GMT', date: 'Wed, 21 Oct 2015 07:28:00 GMT' }),
      3000,
    ],
    ['a number of its own', Object.assign(new Error('busy'), { retryAfterMs: 700 }), 700],
    ['capitals of a plain object', tooMany({ 'Retry-After': '2', Date: 'x' }), 2000],
    [
      'a response of the AWS clients',
      Object.assign(new Error('429'), { $response: { headers: { 'retry-after': '2' } } }),
      2000,
    ],
    ['its response, beside headers of its own', Object.assign(tooMany({ 'retry-after': '2' }), { headers: {} }), 2000],
    ['seconds of its own', Object.assign(new Error('busy'), { retryAfter: 3 }), 3000],
    ['no sense at all', tooMany({ 'retry-after': 'soon' }), 100],
    ['no date, though Date.parse takes it for one', tooMany({ 'retry-after': 'code 12345' }), 100],
    [
      'two fields',
      tooMany(
        new Headers([
          ['Retry-After', '5'],
          ['Retry-After', '5'],
        ]),
      ),
      5000,
    ],
    ['no milliseconds, beside seconds', tooMany({ 'retry-after-ms': '', 'retry-after': '2' }), 2000],
    ['an ISO date', tooMany({ 'retry-after': '2015-10-21T07:28:03Z', date: 'Wed, 21 Oct 2015 07:28:00 GMT' }), 3000],
    ['a date gone by', tooMany({ 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }), 100],
    ['less than the back-off', tooMany({ 'retry-after': '0' }), 100],
    ['more than maxDelayMs', tooMany({ 'retry-after': '3600' }), 60_000],
  ])('waits as told in %s', async (_, error, delayMs) => {
    const { policy, clock } = fixture()
    const fn = failing(clock, 1, () => error)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(100_000)
    expect(await outcome).toEqual({ value: 'done', atMs: delayMs })
  })

  it.each(['retryAfterMs', 'headers', 'response'])(
    'a getter %s that throws does not replace the error',
    async (name) => {
      const { policy, clock } = fixture({ maxRetries: 1 })
      const own = Object.defineProperty(new Error('mine'), name, {
        get() {
          throw new Error('not yours')
        },
      })
      const outcome = outcomeOf(
        clock,
        policy.execute(() => Promise.reject(own)),
      )
      await clock.advance(10_000)
      expect((await outcome).error).toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', cause: own })
    },
  )

  it('reads it from a refused result too, and can be told not to', async () => {
    for (const [respectRetryAfter, atMs] of [
      [true, 5000],
      [false, 100],
    ] as const) {
      const { policy, clock } = fixture({
        respectRetryAfter,
        retryIfResult: (response) => (response as Response).status === 429,
      })
      const responses = [new Response(null, { status: 429, headers: { 'retry-after': '5' } }), new Response('ok')]
      const outcome = outcomeOf(
        clock,
        policy.execute(() => responses.shift()!.clone()),
      )
      await clock.advance(10_000)
      expect((await outcome).atMs).toBe(atMs)
    }
  })
})

describe('retry and refusals of our own policies', () => {
  const open = (retryAfterMs: number): Error => new CircuitOpenError('open', { retryAfterMs, state: 'open' })

  it('comes back when a refusal says so and the time is there', async () => {
    const { policy, clock } = fixture({ maxElapsedMs: 5000 })
    const fn = failing(clock, 1, () => open(3000))
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    expect(await outcome).toEqual({ value: 'done', atMs: 3000 })
  })

  it('comes back for one that is as long as maxDelayMs', async () => {
    const { policy, clock } = fixture({ maxDelayMs: 3000 })
    const outcome = outcomeOf(clock, policy.execute(failing(clock, 1, () => open(3000))))
    await clock.advance(10_000)
    expect(await outcome).toEqual({ value: 'done', atMs: 3000 })
  })

  it.each([
    ['the time left', { maxElapsedMs: 2000 }, open(3000)],
    ['maxDelayMs', { maxDelayMs: 2000 }, open(3000)],
    ['everything, of an isolated breaker', {}, open(Infinity)],
    [
      'everything, of a limiter that never can',
      {},
      new RateLimitExceeded('no', { retryAfterMs: Infinity, limiterName: null }),
    ],
    ['anything known, of a full bulkhead', {}, new BulkheadRejectedError('full', { maxConcurrent: 1, queued: 0 })],
  ])('passes on a refusal that exceeds %s as it is', async (_, options, error) => {
    const { policy, clock } = fixture(options)
    const fn = failing(clock, Infinity, () => error)
    await expect(policy.execute(fn)).rejects.toBe(error)
    expect(fn.calledAt).toHaveLength(1)
  })

  it('does not sleep past an outer time-out for one', async () => {
    const { policy, clock } = fixture()
    const fn = failing(clock, Infinity, () => open(3000))
    const error = await outcomeOf(clock, pipeline(timeout(1000, { clock }), policy).execute(fn))
    expect(error).toMatchObject({ atMs: 0, error: { code: 'ERR_CIRCUIT_OPEN' } })
  })
})

describe('retry events and stats', () => {
  it('counts, and tells listeners, until they are removed', async () => {
    const { policy, clock } = fixture({ maxRetries: 1, name: 'users' })
    const heard: unknown[] = []
    const off = [
      policy.on('retry', (event) => heard.push(['retry', event.attempt, event.delayMs])),
      policy.on('recovered', (event) => heard.push(['recovered', event.attempts])),
      policy.on('gaveUp', (event) => heard.push(['gaveUp', event.attempts, event.reason])),
    ]
    const first = outcomeOf(clock, policy.execute(failing(clock, 1)))
    const second = outcomeOf(clock, policy.execute(failing(clock, 5)))
    await clock.advance(1000)
    await Promise.all([first, second])
    expect(heard).toEqual([
      ['retry', 1, 100],
      ['retry', 1, 100],
      ['recovered', 2],
      ['gaveUp', 2, 'no-retries-left'],
    ])
    expect(policy.stats()).toEqual({ calls: 2, retries: 2, recovered: 1, failed: 1 })
    for (const remove of off) remove()
    const third = outcomeOf(clock, policy.execute(failing(clock, 1)))
    await clock.advance(1000)
    await third
    expect(heard).toHaveLength(4)
    expect(() => policy.on('nonsense' as 'retry', () => undefined)).toThrow(
      /event must be one of 'retry', 'recovered', 'gaveUp'/,
    )
  })
})

describe('why a retry gives up', () => {
  const emptyBudget = (): RetryBudget => new RetryBudget({ ratio: 0, minPerSecond: 0, clock: new FakeClock() })

  it.each<[string, () => RetryPolicy, number, string]>([
    ['no-retries-left', () => ({ maxRetries: 1 }), 2, '2 attempts failed, no retries left'],
    ['no-time-left', () => ({ maxElapsedMs: 99 }), 1, '1 attempt failed, no time left'],
    ['no-budget-left', () => ({ budget: emptyBudget() }), 1, '1 attempt failed, no budget left'],
    ['refused', () => ({ retryIf: () => false }), 1, 'boom'],
    ['refused', () => ({ retryIf: () => Promise.resolve(false) }), 1, 'boom'],
    ['refused', () => ({ maxRetries: 0 }), 1, 'boom'],
  ])('%s', async (reason, options, attempts, message) => {
    const { policy, clock } = fixture(options())
    const heard: unknown[] = []
    policy.on('gaveUp', (event) => heard.push(event))
    const outcome = outcomeOf(clock, policy.execute(failing(clock, Infinity, () => boom)))
    await clock.advance(1000)
    expect((await outcome).error).toMatchObject({ message })
    expect(heard).toEqual([{ error: boom, attempts, reason }])
    expect(policy.stats()).toMatchObject({ calls: 1, recovered: 0, failed: 1 })
  })

  it('aborted, with the error of the function; the failure is the reason that the caller got', async () => {
    const { policy } = fixture()
    const heard: unknown[] = []
    policy.on('gaveUp', (event) => heard.push(event))
    policy.on('failure', ({ error }) => heard.push(error))
    const controller = new AbortController()
    const call = policy.execute(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(boom))),
      { signal: controller.signal },
    )
    controller.abort('enough')
    await expect(call).rejects.toBe('enough')
    await setImmediate()
    expect(heard).toEqual([{ error: boom, attempts: 1, reason: 'aborted' }, 'enough'])
  })

  it('aborted, and whoever is around it sees the error of the function, too', async () => {
    const outer = retry()
    const heard: unknown[] = []
    outer.on('gaveUp', (event) => heard.push(event))
    const controller = new AbortController()
    const call = pipeline(outer, retry()).execute(
      () => {
        controller.abort('enough')
        throw boom
      },
      { signal: controller.signal },
    )
    await expect(call).rejects.toBe('enough')
    await setImmediate()
    expect(heard).toEqual([{ error: boom, attempts: 1, reason: 'aborted' }])
  })

  it('aborted, with the last failure, where the caller goes in a back-off', async () => {
    const { policy, clock } = fixture()
    const heard: unknown[] = []
    policy.on('gaveUp', (event) => heard.push(event))
    const controller = new AbortController()
    const outcome = outcomeOf(
      clock,
      policy.execute(
        failing(clock, Infinity, () => boom),
        { signal: controller.signal },
      ),
    )
    await clock.advance(150)
    controller.abort('enough')
    await clock.advance(0)
    expect((await outcome).error).toBe('enough')
    expect(heard).toEqual([{ error: boom, attempts: 2, reason: 'aborted' }])
    expect(policy.stats()).toMatchObject({ calls: 1, failed: 1 })
  })

  it.each<[string, RetryPolicy<number>]>([
    ['retryIf', { retryIf: broken }],
    ['a retryIf that answers later', { retryIf: () => Promise.resolve().then(broken) }],
    ['retryIfResult', { retryIfResult: broken }],
    ['delay', { delay: broken, jitter: undefined }],
    [
      'delay, after a retryIf that answers later',
      { retryIf: () => Promise.resolve(true), delay: broken, jitter: undefined },
    ],
    ['random', { jitter: 'full', random: broken }],
  ])('refused, with what it has thrown: %s', async (_, options) => {
    const { policy, clock } = fixture(options as RetryPolicy)
    const heard: unknown[] = []
    policy.on('gaveUp', (event) => heard.push(event))
    const fails = options.retryIfResult === undefined ? 1 : 0
    const { error } = await outcomeOf(clock, policy.execute(failing(clock, fails)))
    expect(error).toMatchObject({ message: 'broken' })
    expect(heard).toEqual([{ error, attempts: 1, reason: 'refused' }])
    expect(policy.stats()).toEqual({ calls: 1, retries: 0, recovered: 0, failed: 1 })
  })

  function broken(): never {
    throw new Error('broken')
  }

  it('has nothing to recover from where the first attempt succeeds', async () => {
    const { policy } = fixture({ maxElapsedMs: 1000 })
    expect(await policy.execute(() => 1)).toBe(1)
    expect(policy.stats()).toEqual({ calls: 1, retries: 0, recovered: 0, failed: 0 })
  })
})

describe('retryCall', () => {
  it('calls once with arguments and retries', async () => {
    const calls: unknown[] = []
    const load = (id: number, name: string): string => {
      if (calls.push([id, name]) < 2) throw boom
      return `${name} ${id}`
    }
    expect(await retryCall(load, { args: [7, 'seven'], initialDelayMs: 0 })).toBe('seven 7')
    expect(calls).toEqual([
      [7, 'seven'],
      [7, 'seven'],
    ])
  })

  it('takes an existing policy, or options in `policy`, and a signal', async () => {
    const policy = retry({ maxRetries: 0 })
    await expect(retryCall(() => Promise.reject(boom), { policy })).rejects.toBe(boom)
    expect(policy.stats().calls).toBe(1)
    await expect(retryCall(() => Promise.reject(boom), { policy, maxRetries: undefined })).rejects.toBe(boom)
    await expect(retryCall(() => Promise.reject(boom), { policy: { maxRetries: 0 } })).rejects.toBe(boom)
    await expect(retryCall(() => 1, { signal: AbortSignal.abort(boom) })).rejects.toBe(boom)
  })

  it.each([
    [{ policy: retry(), maxRetries: 1 }, TypeError],
    [{ maxRetry: 1 }, TypeError],
    [{ args: 'ab' }, TypeError],
    [{ maxRetries: -1 }, RangeError],
  ])('rejects bad options %#', async (options, ErrorClass) => {
    await expect(retryCall(() => 1, options as object)).rejects.toThrow(ErrorClass)
  })
})

it('takes a first delay that is the longest, too', () => {
  expect(() => retry({ initialDelayMs: 5, maxDelayMs: 5 })).not.toThrow()
})

describe('bad options of retry', () => {
  it.each([
    [{ maxRetries: -1 }, RangeError, /maxRetries must be an integer >= 0, or Infinity; received -1/],
    [{ maxRetries: 1.5 }, RangeError, /maxRetries/],
    [{ maxRetries: '3' }, TypeError, /maxRetries .* received "3" \(string\)/],
    [{ maxRetries: null }, TypeError, /maxRetries .* received null/],
    [{ initialDelayMs: NaN }, RangeError, /initialDelayMs/],
    [{ initialDelayMs: 10, maxDelayMs: 5 }, RangeError, /initialDelayMs must be <= maxDelayMs \(5\)/],
    [{ maxDelayMs: Infinity }, RangeError, /maxDelayMs/],
    [{ exponentialBase: 0.5 }, RangeError, /exponentialBase/],
    [{ jitter: 'some' }, RangeError, /jitter must be one of 'full'/],
    [{ retryIf: true }, TypeError, /retryIf must be a function/],
    [{ retryIf: null }, TypeError, /retryIf must be a function/],
    [{ onRetry: 'log' }, TypeError, /onRetry/],
    [{ maxElapsedMs: 0 }, RangeError, /maxElapsedMs/],
    [{ budget: {} }, TypeError, /budget must be a RetryBudget/],
    [{ respectRetryAfter: 1 }, TypeError, /respectRetryAfter/],
    [{ clock: {} }, TypeError, /clock must be a clock/],
    [{ name: '' }, RangeError, /name must not be empty/],
    [{ maxRetrys: 3 }, TypeError, /unknown retry option 'maxRetrys'.*did you mean 'maxRetries'/],
    [null, TypeError, /retry options must be an object; received null/],
    [5, TypeError, /retry options must be an object/],
  ])('%j is refused', (options, ErrorClass, message) => {
    expect(() => retry(options as RetryPolicy)).toThrow(ErrorClass)
    expect(() => retry(options as RetryPolicy)).toThrow(message)
  })
})
