import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttemptContext,
  type Fallback,
  fallback,
  fallbackLevels,
  pipeline,
  timeout,
  TimeoutExceededError,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

const boom = new Error('boom')
const worse = new Error('worse')
const fail = (): Promise<never> => Promise.reject(boom)

describe('fallback', () => {
  it('stays out of the way of a success', async () => {
    expect(await fallback('spare').execute(() => 'real')).toBe('real')
  })

  it.each([['spare'], [null], [undefined], [0]])('gives the value %j for a failure', async (value) => {
    expect(await fallback(value).execute(fail)).toBe(value)
  })

  it('calls a function with the error and a context, and awaits it', async () => {
    const substitute = vi.fn(async (error: unknown) => [error])
    expect(await fallback(substitute).execute(fail)).toEqual([boom])
    expect(substitute).toHaveBeenCalledWith(boom, expect.objectContaining({ signal: expect.any(AbortSignal) }))
  })

  it('replaces only what `if` accepts', async () => {
    const policy = fallback('spare', { if: (error) => TimeoutExceededError.is(error) })
    await expect(policy.execute(fail)).rejects.toBe(boom)
    const late = new TimeoutExceededError('late', { timeoutMs: 1 })
    expect(await policy.execute(() => Promise.reject(late))).toBe('spare')
    expect(policy.stats()).toEqual({ calls: 2, degraded: 1, failed: 1 })
  })

  it('passes on the error of a substitute that fails', async () => {
    await expect(fallback(() => Promise.reject(worse)).execute(fail)).rejects.toBe(worse)
  })

  it('tries several levels in order, each told the error of the one before', async () => {
    const second = new Error('second')
    const heard: unknown[] = []
    const policy = fallbackLevels([() => Promise.reject(second), (error: unknown) => ({ error }), 'never'], {
      onDegraded: (error, level) => heard.push([error, level]),
    })
    expect(await policy.execute(fail)).toEqual({ error: second })
    expect(heard).toEqual([[boom, 1]])
    expect(policy.stats()).toEqual({ calls: 1, degraded: 1, failed: 0 })
  })

  it('never hides the abort of the caller', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const substitute = vi.fn()
    const outcome = outcomeOf(
      clock,
      fallback(substitute).execute(
        ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(boom))),
        { signal: controller.signal },
      ),
    )
    controller.abort('enough')
    expect((await outcome).error).toBe('enough')
    await clock.advance(0)
    expect(substitute).not.toHaveBeenCalled()
  })

  it('tries no further level once the caller has aborted', async () => {
    const controller = new AbortController()
    const last = vi.fn()
    const policy = fallbackLevels([
      (_: unknown, { signal }: AttemptContext) =>
        new Promise((__, reject) => signal.addEventListener('abort', () => reject(boom))),
      last,
    ])
    const call = policy.execute(fail, { signal: controller.signal })
    await setImmediate()
    controller.abort('enough')
    await expect(call).rejects.toBe('enough')
    await setImmediate()
    expect(last).not.toHaveBeenCalled()
    expect(policy.stats()).toEqual({ calls: 1, degraded: 0, failed: 1 })
  })

  it('tries no level once the caller has aborted while `if` was asked', async () => {
    const controller = new AbortController()
    const substitute = vi.fn()
    const policy = fallback(substitute, {
      if: async () => {
        controller.abort('enough')
        return true
      },
    })
    await expect(policy.execute(fail, { signal: controller.signal })).rejects.toBe('enough')
    await setImmediate()
    expect(substitute).not.toHaveBeenCalled()
    expect(policy.stats()).toEqual({ calls: 1, degraded: 0, failed: 1 })
  })

  it.each<[string, Fallback, unknown]>([
    ['an error that `if` refuses', fallback('spare', { if: () => false }), boom],
    ['an error that `if` refuses later', fallback('spare', { if: () => Promise.resolve(false) }), boom],
    ['an `if` that fails', fallback('spare', { if: () => Promise.reject(worse) }), worse],
    ['levels that all fail', fallbackLevels([fail, () => Promise.reject(worse)]), worse],
  ])('counts as failed: %s', async (_, policy, error) => {
    await expect(policy.execute(fail)).rejects.toBe(error)
    await policy.execute(() => 'real')
    expect(policy.stats()).toEqual({ calls: 2, degraded: 0, failed: 1 })
  })

  it('counts as failed a call that its caller has aborted', async () => {
    const controller = new AbortController()
    const policy = fallback('spare')
    const call = policy.execute(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(boom))),
      { signal: controller.signal },
    )
    controller.abort('enough')
    await expect(call).rejects.toBe('enough')
    await setImmediate()
    expect(policy.stats()).toEqual({ calls: 1, degraded: 0, failed: 1 })
  })

  it('keeps the levels it was given, whatever becomes of the array', async () => {
    const levels: unknown[] = ['spare']
    const policy = fallbackLevels(levels)
    levels[0] = 'other'
    expect(await policy.execute(fail)).toBe('spare')
  })

  it('replaces a time-out inside it, and not one outside', async () => {
    const clock = new FakeClock()
    const hang = (): Promise<never> => new Promise(() => undefined)
    const inside = outcomeOf(clock, pipeline(fallback('spare'), timeout(10, { clock })).execute(hang))
    const outside = outcomeOf(clock, pipeline(timeout(10, { clock }), fallback('spare')).execute(hang))
    await clock.advance(10)
    expect((await inside).value).toBe('spare')
    expect((await outside).error).toBeInstanceOf(TimeoutExceededError)
  })

  it('tells listeners and survives those that throw', async () => {
    const heard: unknown[] = []
    const policy = fallback('spare', {
      onDegraded: () => {
        throw new Error('from onDegraded')
      },
    })
    policy.on('degraded', (event) => heard.push(event))
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve))
    expect(await policy.execute(fail)).toBe('spare')
    expect(heard).toEqual([{ error: boom, level: 0 }])
    expect((await warning).message).toMatch(/the listener onDegraded failed.*from onDegraded/s)
  })

  it.each([
    [() => fallback('x', { if: true } as never), TypeError],
    [() => fallback('x', { onDegraded: 1 } as never), TypeError],
    [() => fallback('x', { when: () => true } as never), TypeError],
    [() => fallbackLevels([]), RangeError],
    [() => fallbackLevels('ab' as never), TypeError],
  ])('refuses bad options %#', (make, ErrorClass) => {
    expect(make).toThrow(ErrorClass)
  })
})
