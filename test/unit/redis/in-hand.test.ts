import { describe, expect, it } from 'vitest'
import { RedisRateLimiter, type RedisRateLimitOptions } from '../../../dist/redis/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

interface Server {
  send(command: readonly string[]): Promise<unknown>
  /** Tokens that were debited. */
  granted: number
}

/** A server that grants all that it is asked for. */
function grantingServer(): Server {
  const server: Server = {
    granted: 0,
    send: (command) => {
      const most = Number(command[4])
      server.granted += most
      return Promise.resolve([String(most), '0', '1000', '0'])
    },
  }
  return server
}

const options = { name: 'apart', requestsPerSecond: 1000, burstSize: 100 }

type Apart = RedisRateLimiter

const make = (client: Server, given: RedisRateLimitOptions): Apart => new RedisRateLimiter(client, given)

/** The second call that comes soon takes something ahead. */
async function takeAhead(limiter: Apart): Promise<void> {
  for (let i = 0; i < 2; i++) expect(await limiter.decide()).toMatchObject({ source: 'redis' })
}

describe('RedisRateLimiters made apart in one thread', () => {
  it('have tokens in hand in one place, and no more of them than one', async () => {
    const [server, clock] = [grantingServer(), new FakeClock()]
    const limiters = Array.from({ length: 5 }, () => make(server, { ...options, clock }))
    for (let i = 0; i < 20; i++) {
      for (const limiter of limiters) {
        expect((await limiter.decide()).allowed).toBe(true)
        const used = i * 5 + limiters.indexOf(limiter) + 1
        expect(server.granted - used).toBeLessThanOrEqual(10)
      }
    }
    for (const limiter of limiters) limiter.close()
  })

  it('are of one size of lease where one names none and the other Infinity', async () => {
    const [server, clock] = [grantingServer(), new FakeClock()]
    const limiters = [make(server, { ...options, clock }), make(server, { ...options, clock, leaseSize: Infinity })]
    const sources: string[] = []
    for (const limiter of [limiters[0]!, ...limiters]) sources.push((await limiter.decide()).source)
    expect(sources).toEqual(['redis', 'redis', 'lease'])
    for (const limiter of limiters) limiter.close()
  })

  it('leave them to the others when one is closed', async () => {
    const [server, clock] = [grantingServer(), new FakeClock()]
    const [one, two] = [1, 2].map(() => make(server, { ...options, clock })) as [Apart, Apart]
    await takeAhead(one)
    one.close()
    expect(await two.decide()).toMatchObject({ allowed: true, source: 'lease' })
    expect(two.stats().roundTrips).toBe(0)
    two.close()
  })

  it('throw them away together for a pause', async () => {
    const [server, clock] = [grantingServer(), new FakeClock()]
    const [one, two] = [1, 2].map(() => make(server, { ...options, clock })) as [Apart, Apart]
    for (let i = 0; i < 4; i++) await one.decide()
    expect(await two.decide()).toMatchObject({ source: 'lease' })
    await one.pauseFor(1000)
    expect(await two.decide()).toMatchObject({ source: 'redis' })
    for (const limiter of [one, two]) limiter.close()
  })

  it.each([
    ['name', { name: 'another' }],
    ['rate', { requestsPerSecond: 999 }],
    ['burst', { burstSize: 99 }],
    ['mode', { mode: 'exact' } as const],
    ['size of a lease', { leaseSize: 5 }],
    ['clock', { clock: new FakeClock() }],
  ])('have none of one with another %s', async (_, other) => {
    const [server, clock] = [grantingServer(), new FakeClock()]
    const one = make(server, { ...options, clock })
    const two = make(server, { ...options, clock, ...other })
    await takeAhead(one)
    expect(await two.decide()).toMatchObject({ source: 'redis' })
    expect(await one.decide()).toMatchObject({ source: 'lease' })
    for (const limiter of [one, two]) limiter.close()
  })

  it('have none of one with another client', async () => {
    const clock = new FakeClock()
    const [one, two] = [1, 2].map(() => make(grantingServer(), { ...options, clock })) as [Apart, Apart]
    await takeAhead(one)
    expect(await two.decide()).toMatchObject({ source: 'redis' })
    for (const limiter of [one, two]) limiter.close()
  })
})
