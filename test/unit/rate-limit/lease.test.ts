import { setImmediate as endOfTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Clock, type Lease, RateLimiter, SharedMemoryError } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { drain, limited } from '../../support/limiters.js'

/** Calls granted in a row. */
function drainLease(lease: Lease, tokens?: number): number {
  let granted = 0
  while (lease.tryAcquire(tokens)) granted++
  return granted
}

afterEach(() => vi.useRealTimers())

describe('a lease', () => {
  it('takes its size at a time', () => {
    const { limiter } = limited({ burstSize: 100 })
    const lease = limiter.lease({ size: 10 })
    expect(limiter.getAvailableTokens()).toBe(100)
    for (let call = 0; call < 10; call++) {
      expect(lease.tryAcquire()).toBe(true)
      expect(limiter.getAvailableTokens()).toBe(90)
    }
    lease.tryAcquire()
    expect(limiter.getAvailableTokens()).toBe(80)
  })

  it.each([1, 3, 7, 64, 1000])(
    'of size %i hands out exactly what is in the bucket, though the size does not divide it',
    (size) => {
      const { limiter } = limited({ burstSize: 100 })
      expect(drainLease(limiter.lease({ size }))).toBe(100)
      expect(limiter.tryAcquire()).toBe(false)
    },
  )

  it('takes what there is where that is less than its size, and its size again once there is more', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 10, burstSize: 25 })
    const lease = limiter.lease({ size: 10 })
    for (let call = 0; call < 21; call++) expect(lease.tryAcquire()).toBe(true)
    expect(limiter.getAvailableTokens()).toBe(0)
    expect(drainLease(lease)).toBe(4)
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(0)
    for (const left of [10, 10]) {
      await clock.advance(2000)
      expect(lease.tryAcquire()).toBe(true)
      expect(limiter.getAvailableTokens()).toBe(left)
      expect(drainLease(lease)).toBe(19)
      await endOfTurn()
    }
  })

  it('leaves nothing of less than its size in the bucket, not the last token', () => {
    const { limiter } = limited({ burstSize: 2 })
    expect(limiter.lease({ size: 10 }).tryAcquire()).toBe(true)
    expect(limiter.getAvailableTokens()).toBe(0)
  })

  it('takes nothing for several tokens that are in hand, the last of them too', () => {
    const { limiter } = limited({ burstSize: 20 })
    const lease = limiter.lease({ size: 6 })
    for (let call = 0; call < 2; call++) {
      expect(lease.tryAcquire(3)).toBe(true)
      expect(limiter.getAvailableTokens()).toBe(14)
    }
  })

  it('gives back what is left at the end of the turn of the event loop', async () => {
    const { limiter } = limited({ burstSize: 100 })
    const lease = limiter.lease({ size: 64 })
    for (let call = 0; call < 5; call++) lease.tryAcquire()
    expect(limiter.getAvailableTokens()).toBe(36)
    await Promise.resolve()
    expect(limiter.getAvailableTokens()).toBe(36)
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(95)
    expect(lease.tryAcquire()).toBe(true)
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(94)
  })

  it('gives it back also where timers are fake, whether these come first, are not moved, or are gone by then', async () => {
    const { limiter } = limited({ burstSize: 100 })
    const lease = limiter.lease({ size: 64 })
    const fake = (): unknown => vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] })
    fake()
    lease.tryAcquire()
    vi.runAllTimers()
    expect(limiter.getAvailableTokens()).toBe(99)
    lease.tryAcquire()
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(98)
    lease.tryAcquire()
    vi.useRealTimers()
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(97)
    lease.tryAcquire()
    fake()
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(96)
    lease.tryAcquire()
    lease[Symbol.dispose]()
    vi.useRealTimers()
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(95)
  })

  it('gives back what is left when it is disposed, once, and refuses further use', async () => {
    const { limiter } = limited({ burstSize: 100 })
    const lease = limiter.lease()
    lease.tryAcquire()
    expect(limiter.getAvailableTokens()).toBe(36)
    lease[Symbol.dispose]()
    lease[Symbol.dispose]()
    expect(limiter.getAvailableTokens()).toBe(99)
    limiter.tryAcquire(10)
    await endOfTurn()
    expect(limiter.getAvailableTokens()).toBe(89)
    expect(() => lease.tryAcquire()).toThrow(SharedMemoryError)
  })

  it('ends with its limiter, which gets back what was left', () => {
    const { limiter } = limited({ burstSize: 100 })
    const other = RateLimiter.from(limiter.share())
    const [used, unused] = [limiter.lease(), limiter.lease()]
    used.tryAcquire()
    limiter[Symbol.dispose]()
    expect(() => used.tryAcquire()).toThrow(SharedMemoryError)
    expect(() => unused.tryAcquire()).toThrow(SharedMemoryError)
    expect(other.tryAcquire(99)).toBe(true)
  })

  it('hands out several tokens or none', () => {
    const { limiter } = limited({ burstSize: 10 })
    const lease = limiter.lease({ size: 4 })
    expect(lease.tryAcquire(3)).toBe(true)
    expect(drainLease(lease, 3)).toBe(2)
    expect(lease.tryAcquire(2)).toBe(false)
    expect(drainLease(lease)).toBe(1)
  })

  it('never goes into the tokens of those who wait', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    limiter.tryAcquire(2)
    const wait = limiter.acquire()
    expect(limiter.lease().tryAcquire()).toBe(false)
    await clock.advance(100)
    await wait
  })

  it('is counted by its limiter at once', async () => {
    const { limiter } = limited({ burstSize: 10 })
    const lease = limiter.lease({ size: 4 })
    limiter.tryAcquire()
    lease.tryAcquire()
    lease.tryAcquire(2)
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0 })
    await endOfTurn()
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0 })
    expect(drainLease(lease)).toBe(6)
    expect(limiter.stats()).toMatchObject({ allowed: 9, denied: 1 })
  })

  it('hands out all that comes back, as it comes', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 50, clock })
    const lease = limiter.lease({ size: 16 })
    let granted = drainLease(lease)
    for (let ms = 0; ms < 1000; ms++) {
      await clock.advance(1)
      granted += drainLease(lease)
    }
    expect(granted).toBe(50 + 1000)
  })

  it('lets the bound grow by at most its size for each thread', () => {
    const [burst, size] = [40, 16]
    let nowMs = 0
    // Moved by hand: time must pass within one turn.
    const clock: Clock = { now: () => nowMs, setTimeout: () => null, clearTimeout: () => undefined }
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: burst, clock })
    const leases = [limiter.lease({ size }), limiter.lease({ size })]
    expect(leases.map((lease) => lease.tryAcquire())).toEqual([true, true])
    nowMs = 1000
    const atOnce = leases.reduce((sum, lease) => sum + drainLease(lease), drain(limiter))
    expect(atOnce).toBe(burst + 2 * (size - 1))
  })
})

describe('bad input to a lease', () => {
  it.each([0, -1, 1.5, NaN, Infinity, 2e9])('is refused: size %d', (size) => {
    expect(() => limited().limiter.lease({ size })).toThrow(RangeError)
  })

  it('is refused: a size that is no number, an option that is not there', () => {
    const { limiter } = limited()
    expect(() => limiter.lease({ size: '8' as unknown as number })).toThrow(
      /size must be an integer >= 1 and <= 1e9; received "8" \(string\)/,
    )
    expect(() => limiter.lease({ sise: 8 } as object)).toThrow(/did you mean 'size'/)
  })

  it.each([0, -1, 0.5, 1.5, NaN, 9])('is refused: tokens %d of a lease of 8', (tokens) => {
    const { limiter } = limited({ burstSize: 20 })
    expect(() => limiter.lease({ size: 8 }).tryAcquire(tokens)).toThrow(RangeError)
    expect(limiter.getAvailableTokens()).toBe(20)
  })

  it('is refused: more tokens than the bucket can hold', () => {
    const { limiter } = limited({ burstSize: 3 })
    expect(() => limiter.lease({ size: 8 }).tryAcquire(4)).toThrow(/<= 3 \(burstSize\)/)
    expect(limiter.lease({ size: 8 }).tryAcquire(3)).toBe(true)
  })
})
