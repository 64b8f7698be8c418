import { expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { readMachine } from '../../dist/memory/machine/view.js'
import { describeMachine, machineName } from '../support/machine.js'

const { gc } = globalThis as { gc?: () => void }

describeMachine('limiters of the machine', () => {
  it('are collected although their counts are published, and their counts stay', async () => {
    const policy = { name: machineName(), scope: 'machine', requestsPerSecond: 1e-6, burstSize: 1000 } as const
    const limiters = Array.from({ length: 200 }, () => new RateLimiter(policy))
    const watched = limiters.map((limiter) => new WeakRef(limiter))
    limiters.forEach((limiter) => limiter.tryAcquire())
    const counted = (): number | null | undefined => readMachine().find(({ name }) => name === policy.name)?.allowed
    // Four times a second; a limiter that is collected earlier than that takes its last counts with it.
    await expect.poll(counted, { timeout: 20_000 }).toBe(200)
    limiters.length = 0
    await expect
      .poll(
        () => {
          gc!()
          return watched.filter((limiter) => limiter.deref() !== undefined).length
        },
        { timeout: 20_000 },
      )
      .toBe(0)
    expect(counted()).toBe(200)
  })
})
