import { statfsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { expectNothingLeftOf, expectTheSameOfEach, expectTheSameOfEachKey } from '../stress/many-names.js'
import { describeMachine, DIRECTORY, machineName } from '../support/machine.js'

const hasRoom = (): boolean => {
  const { bavail, bsize } = statfsSync(DIRECTORY)
  return bavail * bsize > 2 ** 30
}

describeMachine('names of the machine', () => {
  it('that were made and disposed leave nothing behind: 200,000', () => expectNothingLeftOf(200_000))

  it('in use take a mapping, a row and the same bytes each, and one timer for all: 10,000', () =>
    expectTheSameOfEach(10_000))

  it('beyond what Linux lets a process map are refused, and there is room again when others are disposed (needs 1 GiB of shared memory)', (context) => {
    if (!hasRoom()) context.skip()
    const make = (): RateLimiter =>
      new RateLimiter({ name: machineName(), scope: 'machine', requestsPerSecond: 1e-6, burstSize: 10 })
    const limiters: RateLimiter[] = []
    const refused = expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'full' })
    const fill = (): void => {
      for (;;) limiters.push(make())
    }
    expect(fill).toThrow(refused)
    expect(limiters.length).toBeGreaterThan(30_000)
    for (const limiter of limiters.splice(0, 100)) limiter[Symbol.dispose]()
    for (let i = 0; i < 100; i++) limiters.push(make())
    expect(make).toThrow(refused)
    for (const limiter of limiters) limiter[Symbol.dispose]()
  })
})

it('keys that are waited for take the same each, and one timer for all: 200,000', () => expectTheSameOfEachKey(200_000))
