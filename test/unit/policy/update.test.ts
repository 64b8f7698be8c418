import { describe, expect, it } from 'vitest'
import { pipeline, retry, RetryBudget, type RetryPolicy, timeout } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { sharePolicies, whyNotShared } from '../../../dist/execute/transfer/shared-policies.js'
import { itWithAddon } from '../../support/native.js'
import { failing, outcomeOf } from '../../support/policies.js'

const hang = (): Promise<never> => new Promise(() => undefined)

describe('timeout.update', () => {
  it('is for the calls to come, in pipelines and wrapped functions, too', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    const within = pipeline(policy)
    const wrapped = policy.wrap(hang)
    const before = outcomeOf(clock, policy.execute(hang))
    policy.update(30)
    const after = [policy.execute(hang), within.execute(hang), wrapped()].map((call) => outcomeOf(clock, call))
    await clock.advance(200)
    expect(await before).toMatchObject({ atMs: 100, error: { timeoutMs: 100 } })
    expect(await Promise.all(after)).toMatchObject(after.map(() => ({ atMs: 30, error: { timeoutMs: 30 } })))
    policy.update(Infinity)
    void policy.execute(hang)
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes another function in the place of one, and a number', async () => {
    const clock = new FakeClock()
    const policy = timeout(() => 100, { clock })
    const wrapped = policy.wrap((ms: number) => (expect(ms).toBe(10), hang()))
    policy.update((ms: number) => 2 * ms)
    const asked = outcomeOf(clock, wrapped(10))
    policy.update(5)
    const fixed = outcomeOf(clock, wrapped(10))
    policy.update((ms: number) => 3 * ms)
    const again = outcomeOf(clock, wrapped(10))
    await clock.advance(50)
    expect([await asked, await fixed, await again]).toMatchObject([{ atMs: 20 }, { atMs: 5 }, { atMs: 30 }])
  })

  it('changes nothing where it is wrong', async () => {
    const clock = new FakeClock()
    const policy = timeout(() => 7, { clock })
    for (const wrong of [0, -1, NaN])
      expect(() => policy.update(wrong)).toThrow(new RangeError(messageOf(() => timeout(wrong))))
    expect(() => policy.update('5' as never)).toThrow(TypeError)
    expect(() => timeout(7).update(() => 7)).toThrow(
      new TypeError(
        'timeoutMs must be a number of a timeout that was made with one, whose calls do not keep their arguments; received a function',
      ),
    )
    const outcome = outcomeOf(clock, policy.execute(hang))
    await clock.advance(10)
    expect(await outcome).toMatchObject({ atMs: 7 })
  })

  it('is what workers get, and what keeps a run here', () => {
    const policy = timeout(() => 100)
    policy.update(30)
    expect(sharePolicies([policy])).toMatchObject([{ handle: { timeoutMs: 30 } }])
    policy.update(() => 30)
    expect(whyNotShared([policy])).toBe('the timeout has timeoutMs, a function of this thread')
    policy.update(40)
    expect(whyNotShared([policy])).toBeUndefined()
    expect(sharePolicies([policy])).toMatchObject([{ handle: { timeoutMs: 40 } }])
  })
})

describe('retry.update', () => {
  /** When it is called, under a policy that is changed while the first call is in a back-off, and by a call after that. */
  async function calledUnder(options: RetryPolicy, change: RetryPolicy): Promise<[number[], number[]]> {
    const clock = new FakeClock()
    const policy = retry({ jitter: 'none', initialDelayMs: 10, maxRetries: 2, clock, ...options })
    const [before, after] = [failing(clock, Infinity), failing(clock, Infinity)]
    const first = outcomeOf(clock, policy.execute(before))
    await clock.advance(5)
    policy.update(change)
    await clock.advance(995)
    await first
    const second = outcomeOf(clock, policy.execute(after))
    await clock.advance(1000)
    await second
    return [before.calledAt, after.calledAt.map((ms) => ms - 1000)]
  }

  it.each<[string, RetryPolicy, RetryPolicy, number[], number[]]>([
    ['maxRetries', {}, { maxRetries: 0 }, [0, 10, 30], [0]],
    ['the back-off', {}, { initialDelayMs: 1, exponentialBase: 3 }, [0, 10, 30], [0, 1, 4]],
    ['maxElapsedMs', {}, { maxElapsedMs: 15 }, [0, 10, 30], [0, 10]],
    ['maxElapsedMs, where there was one', { maxElapsedMs: 15 }, { maxElapsedMs: 500 }, [0, 10], [0, 10, 30]],
    ['retryIf', {}, { retryIf: () => false }, [0, 10, 30], [0]],
    ['nothing', {}, { maxRetries: undefined, retryIf: undefined }, [0, 10, 30], [0, 10, 30]],
    ['a delay in place of the back-off', {}, { delay: [7] }, [0, 10, 30], [0, 7, 14]],
  ])('of %s is for the calls to come', async (_, options, change, before, after) => {
    expect(await calledUnder(options, change)).toEqual([before, after])
  })

  it('puts a back-off in the place of a delay', async () => {
    const clock = new FakeClock()
    const policy = retry({ delay: [7], clock })
    policy.update({ initialDelayMs: 10, jitter: 'none' })
    const fn = failing(clock, 2)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(100)
    expect(await outcome).toMatchObject({ value: 'done' })
    expect(fn.calledAt).toEqual([0, 10, 30])
    expect(() => policy.update({ delay: [1], jitter: 'none' })).toThrow(/either delay.*or jitter, not both/)
  })

  it('changes nothing where one of its options is wrong, and neither name nor clock', async () => {
    const clock = new FakeClock()
    const policy = retry({ maxRetries: 1, initialDelayMs: 10, jitter: 'none', clock, name: 'kept' })
    expect(() => policy.update({ maxRetries: 5, initialDelayMs: -1 })).toThrow(RangeError)
    expect(() => policy.update({ maxRetries: 5, maxDelayMs: 9 })).toThrow('initialDelayMs must be <= maxDelayMs (9)')
    expect(() => policy.update({ maxRetries: 5, maxretries: 6 } as object)).toThrow("did you mean 'maxRetries'?")
    for (const fixed of [{ name: 'other' }, { clock }])
      expect(() => policy.update({ maxRetries: 5, ...fixed })).toThrow(/^unknown update option '(name|clock)'/)
    expect(() => policy.update(null as never)).toThrow('update options must be an object; received null')
    const fn = failing(clock, Infinity)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(100)
    expect(await outcome).toMatchObject({ error: { attempts: 2 } })
    expect(sharePolicies([retry()])).toMatchObject([{ handle: { options: {} } }])
  })

  it('is what workers get, and what keeps a run here', () => {
    const policy = retry({ maxRetries: 1, name: 'api', exponentialBase: 3 })
    policy.update({ maxRetries: 4, delay: [1, 2] })
    expect(sharePolicies([policy])[0]!.handle).toMatchObject({ options: { maxRetries: 4, delay: [1, 2], name: 'api' } })
    expect(sharePolicies([policy])[0]!.handle).not.toHaveProperty('options.exponentialBase')
    policy.update({ jitter: 'full' })
    expect(sharePolicies([policy])[0]!.handle).not.toHaveProperty('options.delay')
    policy.update({ onRetry: () => undefined })
    expect(whyNotShared([policy])).toBe("the retry 'api' has onRetry, a function of this thread")
  })
})

// The handle of a budget needs the addon.
itWithAddon('gives a retry another budget, here and in workers', async () => {
  const policy = retry({ maxRetries: 5, initialDelayMs: 0 })
  policy.update({ budget: new RetryBudget({ ratio: 0, minPerSecond: 0 }) })
  expect(sharePolicies([policy])[0]!.handle).toHaveProperty('budget.buffer')
  await expect(policy.execute(() => Promise.reject(new Error('down')))).rejects.toMatchObject({ attempts: 1 })
})

function messageOf(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}
