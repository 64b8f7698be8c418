import { describe, expect, it, vi } from 'vitest'
import { rateLimitedCall, RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { freshName, limited } from '../../support/limiters.js'

describe('rateLimitedCall', () => {
  it('calls the function with its arguments and returns what it returns', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 100 })
    expect(await rateLimitedCall((a: number, b: number) => a * b, { args: [6, 7], limiter })).toBe(42)
    expect(await rateLimitedCall(async () => 'later', { policy: {} })).toBe('later')
    expect(await rateLimitedCall(() => 1, { limiter, policy: undefined, name: undefined })).toBe(1)
    await expect(rateLimitedCall(() => Promise.reject(new Error('its own')), { limiter })).rejects.toThrow('its own')
  })

  it('waits for a token of the limiter', async () => {
    const { clock, limiter } = limited()
    const calls = [1, 2, 3].map((value) =>
      outcomeOf(
        clock,
        rateLimitedCall((x: number) => x, { args: [value], limiter }),
      ),
    )
    await clock.advance(1000)
    expect(await Promise.all(calls)).toEqual([1, 2, 3].map((value, index) => ({ value, atMs: index * 100 })))
  })

  it('shares one limit among calls with the same policy object, or the same name', async () => {
    const clock = new FakeClock()
    const policy = { requestsPerSecond: 10, burstSize: 1, clock }
    const named = { ...policy, name: freshName() }
    const at = (options: object): Promise<unknown> =>
      outcomeOf(
        clock,
        rateLimitedCall(() => 1, options),
      ).then(({ atMs }) => atMs)
    const calls = [at({ policy }), at({ policy }), at({ ...named }), at({ ...named })]
    await clock.advance(1000)
    expect(await Promise.all(calls)).toEqual([0, 100, 0, 100])
  })

  it('does not call when its wait is aborted', async () => {
    const { clock, limiter } = limited()
    const fn = vi.fn()
    const controller = new AbortController()
    limiter.tryAcquire()
    const call = outcomeOf(clock, rateLimitedCall(fn, { limiter, signal: controller.signal }))
    controller.abort('stop')
    expect(await call).toEqual({ error: 'stop', atMs: 0 })
    expect(fn).not.toHaveBeenCalled()
  })

  it('refuses bad input before it calls', async () => {
    const fn = vi.fn()
    const limiter = new RateLimiter()
    const refused = (options: unknown): Promise<unknown> =>
      rateLimitedCall(fn, options as never).catch((error: unknown) => error)
    expect(await refused({ limiter, requestsPerSecond: 5 })).toMatchObject({
      name: 'TypeError',
      message: /one of limiter, policy/,
    })
    expect(await refused({ limiter, policy: {} })).toBeInstanceOf(TypeError)
    expect(await refused({ limiter: {} })).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(
        /limiter must be a RateLimiter or another policy of kind 'rate-limit'; received an object/,
      ),
    })
    expect(await refused({ requestPerSecond: 5 })).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/requestPerSecond.*did you mean 'requestsPerSecond'/),
    })
    expect(await refused({ name: freshName(), requestsPerSecond: 0 })).toBeInstanceOf(RangeError)
    for (const limitsNothing of [undefined, {}, { requestsPerSecond: 5 }]) {
      expect(await refused(limitsNothing)).toMatchObject({
        name: 'TypeError',
        message: expect.stringMatching(/takes a limiter, a policy .*or options with a name/),
      })
    }
    expect(await refused({ args: 'no' })).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/args must be an array; received "no"/),
    })
    expect(await refused({ signal: {} })).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/signal must be an AbortSignal/),
    })
    expect(await rateLimitedCall(7 as never).catch((error: unknown) => error)).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/fn must be a function; received 7/),
    })
    expect(fn).not.toHaveBeenCalled()
    expect(limiter.getAvailableTokens()).toBe(10)
  })
})
