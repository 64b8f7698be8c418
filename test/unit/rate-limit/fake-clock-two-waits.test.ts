import { expect, it } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

it('a fake clock passes waits that fall due a rounding error apart', async () => {
  const clock = new FakeClock()
  const limiter = () => new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
  const [one, two] = [limiter(), limiter()]
  const served: string[] = []
  await clock.advance(0.1)
  one.tryAcquire()
  two.tryAcquire()
  await clock.advance(0.1)
  void one.acquire().then(() => served.push('one'))
  await clock.advance(0.1)
  void two.acquire().then(() => served.push('two'))
  await clock.advance(100)
  expect(served.sort()).toEqual(['one', 'two'])
  expect(clock.pendingTimers).toBe(0)
})

it('a clock that does not tell the time admits nobody and is named', () => {
  let now = 0
  const clock = { now: () => now, setTimeout: () => 0, clearTimeout: () => undefined }
  const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 1, clock })
  now = NaN
  expect(() => limiter.tryAcquire()).toThrow(/clock\.now\(\) must return a finite number of milliseconds; received NaN/)
})

it('a name with half a surrogate pair is refused', () => {
  expect(() => new RateLimiter({ name: '\ud800' })).toThrow(/well-formed/)
})
