import { setImmediate as endOfTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type Clock,
  type KeyedRateLimitPolicy,
  KeyedRateLimiter,
  type Lease,
  RateLimiter,
  SharedMemoryError,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { drain, freshName, limited } from '../../support/limiters.js'

/** Calls granted in a row. */
function drainLease(lease: Lease, tokens?: number): number {
  let granted = 0
  while (lease.tryAcquire(tokens)) granted++
  return granted
}

const isGranted = (wait: Promise<void>): Promise<boolean> =>
  wait.then(
    () => true,
    () => false,
  )

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

describe('a limiter with a leaseSize', () => {
  it('takes so many tokens at a time, hands them out, and gives back what is left when the turn ends', async () => {
    const { limiter } = limited({ burstSize: 100, leaseSize: 10 })
    const other = RateLimiter.from(limiter.share())
    expect(limiter.tryAcquire() && limiter.tryAcquire(1) && limiter.tryAcquire(3)).toBe(true)
    expect(other.getAvailableTokens()).toBe(90)
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0 })
    await endOfTurn()
    expect(other.getAvailableTokens()).toBe(95)
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0 })
  })

  it('hands out exactly what is in the bucket, whatever its size, and counts what it refuses', () => {
    for (const leaseSize of [1, 7, 1000]) {
      const { limiter } = limited({ burstSize: 100, leaseSize })
      expect(drain(limiter)).toBe(100)
      expect(limiter.stats()).toMatchObject({ allowed: 100, denied: 1 })
    }
  })

  it.each([2.5, 64, 99])('asks the bucket for %d tokens, with those in hand', (tokens) => {
    const { limiter } = limited({ burstSize: 100, leaseSize: 60 })
    limiter.tryAcquire()
    expect(limiter.tryAcquire(tokens)).toBe(true)
    expect(limiter.getAvailableTokens()).toBe(99 - tokens)
    expect(() => limiter.tryAcquire(101)).toThrow(RangeError)
    expect(() => limiter.tryAcquire(0)).toThrow(/tokens must be a finite number > 0/)
  })

  it('shows and takes what it has in hand as if it were in the bucket', async () => {
    const { limiter } = limited({ burstSize: 100, leaseSize: 60 })
    limiter.tryAcquire()
    expect(limiter.getAvailableTokens()).toBe(99)
    limiter.tryAcquire()
    expect(limiter.retryAfterMs(98)).toBe(0)
    limiter.tryAcquire()
    await limiter.acquire(97)
    limiter.refund(100)
    limiter.tryAcquire()
    expect(limiter.reserve(99).waitMs).toBe(0)
    limiter.reset()
    limiter.tryAcquire()
    expect(RateLimiter.all({ limiter }).tryAcquire({ limiter: 99 })).not.toBe(false)
    limiter.reset()
    limiter.tryAcquire()
    for (let call = 0; call < 99; call++) await limiter.acquire()
    expect(limiter.tryAcquire()).toBe(false)
  })

  it('keeps a pause, a change and a reset at once', () => {
    const { limiter } = limited({ burstSize: 100, leaseSize: 60 })
    limiter.tryAcquire()
    limiter.update({ burstSize: 30 })
    expect(drain(limiter)).toBe(30)
    limiter.reset()
    limiter.tryAcquire()
    limiter.reset()
    expect(drain(limiter)).toBe(30)
    limiter.reset()
    limiter.tryAcquire()
    limiter.pauseFor(1000)
    expect(limiter.tryAcquire()).toBe(false)
  })

  it('goes with its handle, and is each object’s own where a name is shared', () => {
    const { limiter, clock } = limited({ burstSize: 100, leaseSize: 60 })
    expect(RateLimiter.from(limiter.share()).policy.leaseSize).toBe(60)
    const name = freshName()
    const [leased, plain] = [5, undefined].map((leaseSize) => limited({ name, burstSize: 9, leaseSize, clock }).limiter)
    expect(leased!.tryAcquire()).toBe(true)
    expect(plain!.getAvailableTokens()).toBe(4)
    expect(plain!.policy).not.toHaveProperty('leaseSize')
  })

  it('gives back what is in hand when it is disposed, and refuses further use', () => {
    const { limiter } = limited({ burstSize: 100, leaseSize: 60 })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire()
    limiter[Symbol.dispose]()
    for (const tokens of [undefined, 1, 2, 80])
      expect(() => limiter.tryAcquire(tokens)).toThrow(/limiter has been disposed/)
    expect(other.getAvailableTokens()).toBe(99)
  })

  it('lets everybody go on in a dry run', () => {
    const { limiter } = limited({ burstSize: 2, leaseSize: 8, dryRun: true })
    for (let call = 0; call < 5; call++) expect(limiter.tryAcquire()).toBe(true)
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 3 })
  })

  it.each([0, -1, 1.5, NaN, Infinity, 2e9])('of %d is refused', (leaseSize) => {
    expect(() => new RateLimiter({ leaseSize })).toThrow(RangeError)
  })

  it('that is no number is refused, and of a limit by key any', () => {
    expect(() => new RateLimiter({ leaseSize: '8' as unknown as number })).toThrow(
      /leaseSize must be an integer >= 1 and <= 1e9; received "8" \(string\)/,
    )
    expect(() => new KeyedRateLimiter({ capacity: 1, leaseSize: 8 } as KeyedRateLimitPolicy)).toThrow(/'leaseSize'/)
  })

  it('admits at most its size above the bound for each of two threads, in every window', async () => {
    const step = fc.record({
      ms: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
      who: fc.nat({ max: 1 }),
      what: fc.constantFrom('calls', 'calls', 'calls', 'calls', 'cost', 'acquire', 'pause', 'turn'),
      many: fc.constantFrom(1, 1, 2, 3, 9, 38),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 20 }),
        fc.constantFrom(10, 300, 1000),
        fc.array(step, { maxLength: 120 }),
        async (leaseSize, rate, script) => {
          // A FakeClock ends the turn before it moves: then nothing would be in hand while tokens come back.
          let nowMs = 0
          const clock: Clock = { now: () => nowMs, setTimeout, clearTimeout }
          const burstSize = 20
          const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize, leaseSize, clock, waitOnLimit: false })
          const handles = [limiter, RateLimiter.from(limiter.share())]
          const grants: { atMs: number; tokens: number }[] = []
          const granted = (isGranted: boolean, tokens = 1): boolean => {
            if (isGranted) grants.push({ atMs: nowMs, tokens })
            return isGranted
          }
          for (const { ms, who, what, many } of script) {
            nowMs += ms
            const handle = handles[who]!
            if (what === 'turn') await endOfTurn()
            else if (what === 'pause') handle.pauseFor(many)
            else if (what === 'acquire') granted(await isGranted(handle.acquire()))
            else if (what === 'cost') granted(handle.tryAcquire(many / 2), many / 2)
            else for (let left = many; left > 0 && granted(handle.tryAcquire()); left--);
          }
          for (const [first, { atMs }] of grants.entries()) {
            let admitted = 0
            for (const grant of grants.slice(first)) {
              admitted += grant.tokens
              const bound = burstSize + (rate * (grant.atMs - atMs)) / 1000 + 2 * leaseSize
              expect(admitted).toBeLessThanOrEqual(bound + 1e-3)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
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
