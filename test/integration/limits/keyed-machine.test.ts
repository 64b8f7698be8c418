import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { KeyedRateLimiter } from '../../../dist/index.js'
import { readMachine } from '../../../dist/memory/machine/view.js'
import { describeMachine, machineName } from '../../support/machine.js'

const run = promisify(execFile)
const index = JSON.stringify(new URL('../../../dist/index.js', import.meta.url))

/** How many calls of each of three keys another process is granted. */
async function drainElsewhere(policy: object): Promise<number[]> {
  const code = `import { KeyedRateLimiter } from ${index}
    const limiter = new KeyedRateLimiter(${JSON.stringify(policy)})
    const granted = ['a', 1, 2n].map((key) => { let n = 0; while (limiter.tryAcquire(key)) n++; return n })
    console.log(JSON.stringify(granted))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 30_000 })
  return JSON.parse(stdout) as number[]
}

describeMachine('processes that use one keyed limiter of the machine', () => {
  it('share the bucket of every key', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: 1e-6,
      burstSize: 2000,
      capacity: 1000,
    } as const
    const counts = await Promise.all([1, 2, 3].map(() => drainElsewhere(policy)))
    for (const key of [0, 1, 2]) expect(counts.reduce((sum, own) => sum + own[key]!, 0)).toBe(2000)
    const limiter = new KeyedRateLimiter(policy)
    expect([limiter.tryAcquire('a'), limiter.tryAcquire(1), limiter.tryAcquire(2n), limiter.tryAcquire('1')]).toEqual([
      false,
      false,
      false,
      true,
    ])
    expect(limiter.size).toBe(4)
  })

  it('publish what they allow and deny, and which keys are pushed out', async () => {
    const policy = {
      name: machineName(),
      scope: 'machine',
      requestsPerSecond: 1e-6,
      burstSize: 20,
      capacity: 2,
    } as const
    const seen = () => readMachine().find(({ name }) => name === policy.name)
    await drainElsewhere(policy)
    // It had two places for three keys: each key that came pushed out the first of the others, with all its tokens spent.
    expect(seen()).toMatchObject({ allowed: 60, denied: 3, evicted: 1, keyCapacity: 2 })
    const limiter = new KeyedRateLimiter(policy)
    limiter.tryAcquire('another')
    limiter[Symbol.dispose]()
    expect(seen()).toMatchObject({ allowed: 61, denied: 3, evicted: 2 })
  })

  it('must ask for the same, capacity included', () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 5, capacity: 1000 } as const
    const limiter = new KeyedRateLimiter(policy)
    limiter.tryAcquire('a')
    for (const other of [{ capacity: 2000 }, { capacity: 10 }, { requestsPerSecond: 6 }]) {
      expect(() => new KeyedRateLimiter({ ...policy, ...other })).toThrow(
        /is in use on this machine with \{ requestsPerSecond: 5, .*cannot be used with/,
      )
    }
  })
})
