import { describe, expect, it, vi } from 'vitest'
import { breakerCells } from '../../../dist/memory/breaker/parameters.js'
import { CALL_RESULT } from '../../../dist/memory/breaker/core.js'
import { WORDS_PER_CELL } from '../../../dist/memory/shared/layout.js'
import { TwinBreaker } from '../../../dist/memory/breaker/twin.js'
import { readCircuitBreakerOptions } from '../../../dist/policy/circuit-breaker/options.js'

describe('a thread that is held up as it takes the place of a probe', () => {
  it('leaves the place alone when a probe of a later half-open state has it', () => {
    let nowMs = 0
    const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
    const { parameters } = readCircuitBreakerOptions({ failureThreshold: 1, successThreshold: 1, resetTimeoutMs: 10 })
    const words = new BigInt64Array(new SharedArrayBuffer(8 * WORDS_PER_CELL * breakerCells(parameters)))
    const other = TwinBreaker.create(words, parameters, clock)
    const heldUp = new TwinBreaker(words, clock)
    other.settle(other.enter(), CALL_RESULT.failed, false)
    nowMs += 100
    expect(heldUp.state()).toBe(2)

    // Between what the one reads of the place and its swap, the other probes in vain, and then probes again.
    const swap = Atomics.compareExchange.bind(Atomics)
    let later: ReturnType<typeof other.enter> | undefined
    const spy = vi.spyOn(Atomics, 'compareExchange').mockImplementation((...given: Parameters<typeof swap>) => {
      const isHalfOpen = heldUp.control().state === 2
      if (later === undefined && isHalfOpen) {
        spy.mockRestore()
        other.settle(other.enter(), CALL_RESULT.failed, false)
        nowMs += 100
        later = other.enter()
      }
      return swap(...given)
    })
    const admission = heldUp.enter()
    spy.mockRestore()

    expect(later).toMatchObject({ admitted: true })
    expect(admission.admitted).toBe(false)
    expect(other.enter().admitted).toBe(false)
    // The probe under way is still the one that tells.
    expect(other.settle(later!, CALL_RESULT.succeeded, false)).toBe(true)
    expect(heldUp.control().state).toBe(0)
  })
})

describe('a thread that dies as the last probe has told', () => {
  it.each([
    ['closes', CALL_RESULT.succeeded, true, 0],
    ['opens', CALL_RESULT.failed, false, 1],
  ])('leaves a breaker that the next call %s', (_, result, isAdmitted, state) => {
    let nowMs = 0
    const clock = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
    const { parameters } = readCircuitBreakerOptions({ failureThreshold: 1, successThreshold: 1, resetTimeoutMs: 10 })
    const words = new BigInt64Array(new SharedArrayBuffer(8 * WORDS_PER_CELL * breakerCells(parameters)))
    const other = TwinBreaker.create(words, parameters, clock)
    const dying = new TwinBreaker(words, clock)
    other.settle(other.enter(), CALL_RESULT.failed, false)
    nowMs += 10
    const probe = dying.enter()

    // Its mark is the last word that it writes.
    const swap = Atomics.compareExchange.bind(Atomics)
    let swaps = 0
    const spy = vi.spyOn(Atomics, 'compareExchange').mockImplementation((...given: Parameters<typeof swap>) => {
      if (++swaps > 1) throw new Error('dead')
      return swap(...given)
    })
    expect(() => dying.settle(probe, result, false)).toThrow('dead')
    spy.mockRestore()

    expect(other.control().state).toBe(2)
    expect(other.enter()).toMatchObject({ admitted: isAdmitted, state, retryAfterMs: isAdmitted ? 0 : 10 })
  })
})
