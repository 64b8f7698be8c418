import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerChange,
  type CircuitBreakerOptions,
  SharedMemoryError,
} from '../../../dist/index.js'
import { UPDATE_RESULT } from '../../../dist/memory/breaker/breaker.js'
import { BREAKER } from '../../../dist/memory/shared/layout.js'
import { updateBreaker } from '../../../dist/policy/circuit-breaker/change.js'
import { type CircuitBreakerSettings, readCircuitBreakerOptions } from '../../../dist/policy/circuit-breaker/options.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { wordsAt } from '../../support/words.js'

const fail = (): Promise<never> => Promise.reject(new Error('down'))

async function failTimes(breaker: CircuitBreaker, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await breaker.execute(fail).catch(() => undefined)
}

describe('an update that cannot be', () => {
  const consecutive = { failureThreshold: 3 }
  const ofCalls = { window: { calls: 30, slowCallMs: 5 }, halfOpen: { calls: 10 } }
  const ofMs = { window: { ms: 1000 } }
  const clock = new FakeClock()
  it.each<[CircuitBreakerOptions, object, string]>([
    [
      consecutive,
      { name: 'x' },
      'cannot change name, which says which breaker it is (accepted: failureThreshold, window,',
    ],
    [consecutive, { scope: 'machine' }, 'cannot change scope, which says which breaker it is'],
    [consecutive, { clock }, 'cannot change clock, which is of this thread alone, and an update is for all that share'],
    [consecutive, { isFailure: undefined }, 'cannot change isFailure, which is of this thread alone'],
    [consecutive, { onOpen: () => undefined }, 'cannot change onOpen, which is of this thread alone'],
    [consecutive, { valueOf: 5 }, "unknown CircuitBreaker.update option 'valueOf' (accepted: failureThreshold,"],
    [consecutive, { threshold: 5 }, "unknown CircuitBreaker.update option 'threshold' (accepted: failureThreshold,"],
    [consecutive, 5 as never, 'CircuitBreaker.update options must be an object; received 5 (number)'],
    [consecutive, ofMs, 'window must not be given to a circuit breaker that counts failures in a row, which stays'],
    [ofCalls, consecutive, 'failureThreshold must not be given to a circuit breaker that counts the last calls'],
    [
      ofCalls,
      ofMs,
      'window.ms must not be given to a circuit breaker that counts the last calls, which stays as it was made; received 1000 (number)',
    ],
    [
      ofMs,
      { window: { calls: 5 } },
      'window.calls must not be given to a circuit breaker that counts the last milliseconds',
    ],
    [ofMs, consecutive, 'failureThreshold must not be given to a circuit breaker that counts the last milliseconds'],
    [ofMs, { window: { slowRate: 0.2 } }, 'window.slowRate needs window.slowCallMs, which tells what is slow'],
    [ofMs, { window: { rate: 1 } }, "unknown window option 'rate'"],
    [ofMs, { window: null }, 'window options must be an object; received null'],
    [ofCalls, { halfOpen: { rate: 1 } }, "unknown halfOpen option 'rate'"],
    [ofCalls, { halfOpen: {}, successThreshold: 2 }, 'CircuitBreaker.update takes either successThreshold'],
    [
      consecutive,
      { resetTimeoutMs: '5' },
      'resetTimeoutMs must be a finite number > 0 and <= 1e11; received "5" (string)',
    ],
  ])('%o, %o: a TypeError', (options, change, message) => {
    const breaker = circuitBreaker(options)
    const update = (): void => breaker.update(change)
    expect(update).toThrow(TypeError)
    expect(update).toThrow(message)
  })

  it.each<[CircuitBreakerOptions, CircuitBreakerChange, string]>([
    [consecutive, { failureThreshold: 0 }, 'failureThreshold must be an integer >= 1 and <= 1e6; received 0 (number)'],
    [consecutive, { successThreshold: 9 }, 'successThreshold must be an integer >= 1 and <= 8; received 9 (number)'],
    [ofCalls, { halfOpen: { calls: 17 } }, 'halfOpen.calls must be an integer >= 1 and <= 16; received 17 (number)'],
    [
      ofCalls,
      { halfOpen: { failureRate: 0 } },
      'halfOpen.failureRate must be a finite number > 0 and <= 1; received 0',
    ],
    [ofCalls, { window: { calls: 31 } }, 'window.calls must be an integer >= 1 and <= 30; received 31 (number)'],
    [
      ofCalls,
      { window: { calls: 5, minimumCalls: 6 } },
      'window.minimumCalls must be an integer >= 1 and <= 5; received 6',
    ],
    [ofCalls, { window: { slowRate: 2 } }, 'window.slowRate must be a finite number > 0 and <= 1; received 2 (number)'],
    [ofMs, { window: { ms: 0.5 } }, 'window.ms must be a finite number >= 1 and <= 1e11; received 0.5 (number)'],
    [ofMs, { window: { slowCallMs: NaN } }, 'window.slowCallMs must be a finite number >= 0 and <= 1e11, or Infinity'],
    [
      ofMs,
      { window: { failureRate: 1.5 } },
      'window.failureRate must be a finite number > 0 and <= 1; received 1.5 (number)',
    ],
    [
      ofMs,
      { resetTimeoutFactor: 0.5 },
      'resetTimeoutFactor must be a finite number >= 1 and <= 1000; received 0.5 (number)',
    ],
    [
      ofMs,
      { maxResetTimeoutMs: 59_999 },
      'maxResetTimeoutMs must be a finite number >= 60000 and <= 1e11; received 59999',
    ],
    [ofMs, { probeLeaseMs: 0 }, 'probeLeaseMs must be a finite number > 0 and <= 1e11; received 0 (number)'],
  ])('%o, %o: a RangeError', (options, change, message) => {
    const breaker = circuitBreaker(options)
    const update = (): void => breaker.update(change)
    expect(update).toThrow(RangeError)
    expect(update).toThrow(message)
  })

  it('changes nothing at all', async () => {
    const breaker = circuitBreaker(consecutive)
    await failTimes(breaker, 2)
    expect(() => breaker.update({ failureThreshold: 9, probeLeaseMs: 0 })).toThrow(RangeError)
    await failTimes(breaker, 1)
    expect(breaker.state).toBe('open')
  })

  describe('for want of a slot', () => {
    const all = 2n ** BigInt(BREAKER.slots) - 1n
    const update = (breaker: CircuitBreaker) => (): void => breaker.update({ failureThreshold: 1 })

    /** As if others wrote to every other slot; `now` tells what the time is, and what happens then. */
    function withoutSlots(now: (look: number, words: BigInt64Array) => number) {
      const clock = new FakeClock()
      const breaker = circuitBreaker({ failureThreshold: 3, resetTimeoutMs: 10, clock })
      breaker.update({ failureThreshold: 2 })
      const words = wordsAt(breaker.share())
      words[BREAKER.claims] = all
      let look = 0
      vi.spyOn(performance, 'now').mockImplementation(() => now(look++, words))
      return { clock, breaker, words }
    }
    afterEach(() => vi.restoreAllMocks())

    it('gives up after a second, says why, and works on', async () => {
      const { breaker } = withoutSlots((look) => [0, 999, 1000, 1001][look]!)
      expect(update(breaker)).toThrow(SharedMemoryError)
      vi.restoreAllMocks()
      vi.spyOn(performance, 'now').mockImplementation(vi.fn().mockReturnValue(5000).mockReturnValueOnce(0))
      expect(update(breaker)).toThrow(expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'busy' }))
      vi.restoreAllMocks()
      await failTimes(breaker, 1)
      expect(breaker.state).toBe('closed')
      await failTimes(breaker, 1)
      expect(breaker.state).toBe('open')
    })

    it('waits until one is free', async () => {
      const { breaker } = withoutSlots((look, words) => {
        if (look === 3) words[BREAKER.claims] = 1n
        return look * 100
      })
      update(breaker)()
      await failTimes(breaker, 1)
      expect(breaker.state).toBe('open')
    })

    it('and never else: it begins again as often as others come first', async () => {
      const { clock, breaker, words } = withoutSlots((look) => look * 5000)
      words[BREAKER.claims] = 1n
      await failTimes(breaker, 2)
      await clock.advance(10)
      update(breaker)()
      expect(breaker.state).toBe('half-open')
    })

    it('names the one that has a name', () => {
      const breaker = {
        parameters: () => ({ parameters: founding, generation: 1 }),
        update: () => UPDATE_RESULT.noSlot,
      }
      const settings = readCircuitBreakerOptions({ name: 'users-api' })
      const founding = settings.parameters
      vi.spyOn(performance, 'now').mockImplementation(vi.fn().mockReturnValue(5000).mockReturnValueOnce(0))
      const update = (of: CircuitBreakerSettings) => (): void =>
        updateBreaker(breaker as never, of, { failureThreshold: 1 })
      expect(update(settings)).toThrow(
        "the circuit breaker 'users-api' cannot be updated: another update has not finished, or its thread has died",
      )
      vi.spyOn(performance, 'now').mockImplementation(vi.fn().mockReturnValue(5000).mockReturnValueOnce(0))
      expect(update(readCircuitBreakerOptions({}))).toThrow('the circuit breaker cannot be updated: another')
    })
  })
})
