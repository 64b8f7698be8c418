import { describe, expect, it } from 'vitest'
import { circuitBreaker, pipeline, retry } from '../../../dist/index.js'
import { chaos, ChaosError, FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

/** Gives these numbers one after the other, again and again. */
function giving(...numbers: number[]): () => number {
  let i = 0
  return () => numbers[i++ % numbers.length]!
}

describe('chaos', () => {
  it('does nothing without options, and nothing while it is off', async () => {
    expect(await chaos().execute(() => 1)).toBe(1)
    const off = chaos({ errorRate: 1, latencyMs: 1e6, enabled: false })
    expect(await off.execute(() => 2)).toBe(2)
    expect(off.stats()).toEqual({ calls: 1, delayed: 0, failed: 0 })
  })

  it('fails its share of calls, which are not made', async () => {
    let made = 0
    const faults = chaos({ errorRate: 0.5, random: giving(0.49, 0.5) })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => faults.execute(() => ++made)))
    expect(outcomes.map(({ status }) => status)).toEqual(
      Array.from({ length: 5 }, () => ['rejected', 'fulfilled']).flat(),
    )
    expect(made).toBe(5)
    expect((outcomes[0] as PromiseRejectedResult).reason).toBeInstanceOf(ChaosError)
    expect((outcomes[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_CHAOS', name: 'ChaosError' })
    expect(faults.stats()).toEqual({ calls: 10, delayed: 0, failed: 5 })
  })

  it('fails every call at a rate of 1, and none at 0, whatever a random function of 0 to 1 returns', async () => {
    for (const drawn of [0, 1]) {
      const random = (): number => drawn
      await expect(chaos({ errorRate: 1, random }).execute(() => 1)).rejects.toThrow(ChaosError)
      expect(await chaos({ errorRate: 0, random }).execute(() => 1)).toBe(1)
    }
  })

  it('delays its share of calls, those that fail too', async () => {
    const clock = new FakeClock()
    const mine = new Error('mine')
    const faults = chaos({
      errorRate: 0.5,
      latencyMs: 200,
      latencyRate: 0.5,
      error: () => mine,
      // Whether it waits, whether it fails: yes yes, no no.
      random: giving(0, 0, 0.9, 0.9),
      clock,
    })
    const slow = outcomeOf(
      clock,
      faults.execute(() => 1),
    )
    const quick = outcomeOf(
      clock,
      faults.execute(() => 2),
    )
    await clock.advance(199)
    expect(await quick).toEqual({ value: 2, atMs: 0 })
    await clock.advance(1)
    expect(await slow).toEqual({ error: mine, atMs: 200 })
    expect(faults.stats()).toEqual({ calls: 2, delayed: 1, failed: 1 })
  })

  it('draws nothing for what it does not do', async () => {
    const clock = new FakeClock()
    const faults = chaos({ latencyMs: 200, latencyRate: 0.5, random: giving(0.49, 0.5), clock })
    const calls = Array.from({ length: 4 }, () =>
      outcomeOf(
        clock,
        faults.execute(() => 1),
      ),
    )
    await clock.advance(200)
    expect((await Promise.all(calls)).map(({ atMs }) => atMs)).toEqual([200, 0, 200, 0])
  })

  it('ends a wait at once when the caller aborts', async () => {
    const clock = new FakeClock()
    const abort = new AbortController()
    let made = 0
    const waiting = outcomeOf(
      clock,
      chaos({ latencyMs: 1000, clock }).execute(() => ++made, { signal: abort.signal }),
    )
    await clock.advance(10)
    abort.abort('gone')
    expect(await waiting).toEqual({ error: 'gone', atMs: 10 })
    expect(made).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is a failure like others: it is retried, and opens a breaker', async () => {
    const clock = new FakeClock()
    const again = pipeline(
      retry({ maxRetries: 2, initialDelayMs: 0, jitter: 'none', clock }),
      chaos({ errorRate: 0.5, random: giving(0, 0, 0.9) }),
    )
    const outcome = outcomeOf(
      clock,
      again.execute(({ attempt }) => attempt),
    )
    await clock.advance(1)
    expect(await outcome).toMatchObject({ value: 2 })
    const breaker = circuitBreaker({ failureThreshold: 2 })
    const guarded = pipeline(breaker, chaos({ errorRate: 1 }))
    for (let i = 0; i < 2; i++) await expect(guarded.execute(() => 1)).rejects.toBeInstanceOf(ChaosError)
    expect(breaker.state).toBe('open')
  })

  it('is changed while calls go on; a bad change changes nothing', async () => {
    const faults = chaos({ errorRate: 1 })
    expect(() => faults.update({ enabled: false, errorRate: 2 })).toThrow(
      new RangeError('errorRate must be a finite number >= 0 and <= 1; received 2 (number)'),
    )
    expect(faults.enabled).toBe(true)
    faults.update({ enabled: false })
    expect(await faults.execute(() => 1)).toBe(1)
    faults.update({ enabled: true, errorRate: undefined })
    await expect(faults.execute(() => 1)).rejects.toBeInstanceOf(ChaosError)
    expect(() => faults.update({ clock: new FakeClock() } as object)).toThrow(TypeError)
  })

  it.each([
    [{ errorRate: -0.1 }, RangeError],
    [{ errorRate: NaN }, RangeError],
    [{ latencyMs: -1 }, RangeError],
    [{ latencyRate: 1.5 }, RangeError],
    [{ errorRate: '1' }, TypeError],
    [{ enabled: 1 }, TypeError],
    [{ random: 0.5 }, TypeError],
    [{ error: new Error('not a function') }, TypeError],
    [{ errorrate: 1 }, TypeError],
  ])('refuses %o', (options, error) => {
    expect(() => chaos(options as object)).toThrow(error)
  })

  it('tells of what it does', async () => {
    const clock = new FakeClock()
    const faults = chaos({ errorRate: 1, latencyMs: 5, clock, name: 'game day' })
    const heard: unknown[] = []
    faults.on('delayed', (event) => heard.push(event))
    const stop = faults.on('failed', (event) => heard.push(event))
    const outcome = outcomeOf(
      clock,
      faults.execute(() => 1),
    )
    await clock.advance(5)
    const { error } = await outcome
    expect(heard).toEqual([{ latencyMs: 5 }, { error }])
    stop()
  })
})
