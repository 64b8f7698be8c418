// Limiters that have just been made, and the connections that they make.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type RedisDecision, RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'
import { clientMakers } from '../../support/redis-clients.js'
import { TestServer } from '../../support/redis-server.js'
import { TcpProxy } from '../../support/tcp-proxy.js'

const kind = servers[0]!

describe.skipIf(servers.length === 0)('a limiter that has just been made (needs redis-server or valkey-server)', () => {
  const { running, connected, fresh } = limitsOverRedis('connection')

  it.each([
    ['ioredis', 'RedisRateLimiter'],
    ['ioredis', 'RedisKeyedRateLimiter'],
    ['node-redis', 'RedisRateLimiter'],
  ])('lets the server decide in each of twelve short processes, 25 ms away, with %s: %s', async (maker, limiter) => {
    await using proxy = await TcpProxy.to(running.get(kind)!.port)
    proxy.delayMs = 25
    // What takes longer than `timeoutMs`, 50 ms by default, is the connection; how long on a busy machine is not said.
    const options = { requestsPerSecond: 0.001, burstSize: 27, name: fresh(), connectTimeoutMs: 30_000 }
    const program = fileURLToPath(new URL('../../fixtures/redis-short.mjs', import.meta.url))
    const args = [String(proxy.port), maker, limiter, JSON.stringify(options)]
    const all = await Promise.all(
      Array.from({ length: 12 }, async () => ((await once(fork(program, args), 'message')) as [RedisDecision[]])[0]),
    )
    const decisions = all.flat()
    expect(decisions.filter(({ source }) => source === 'fallback')).toEqual([])
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(27)
  })

  it('is ready once its server is there, and says why it is not', async () => {
    await using server = await TestServer.start(kind)
    await server.kill()
    const { client, close } = await clientMakers['ioredis']!(server.port)
    const options = { ...still, name: fresh() }
    const hasty = new RedisRateLimiter(client, { ...options, connectTimeoutMs: 100 })
    await expect(hasty.ready()).rejects.toThrow('ECONNREFUSED')
    const patient = [
      new RedisRateLimiter(client, { ...options, connectTimeoutMs: 30_000 }),
      new RedisKeyedRateLimiter(client, { ...options, connectTimeoutMs: 30_000 }),
    ] as const
    const ready = Promise.all(patient.map((limiter) => limiter.ready()))
    await server.restart()
    await ready
    expect(await patient[0].decide()).toMatchObject({ remaining: 9, source: 'redis' })
    expect(await patient[1].decide('k')).toMatchObject({ remaining: 9, source: 'redis' })
    for (const limiter of [hasty, ...patient]) limiter.close()
    close()
  })

  it.each(Object.keys(clientMakers))("uses its client's own connection, with %s", async (maker) => {
    const { command } = await connected(kind)
    const { client, close } = await clientMakers[maker]!(running.get(kind)!.port)
    const connections = async (): Promise<number> => String(await command('CLIENT', 'LIST')).split('\n').length
    const limiters = Array.from({ length: 40 }, (_, i) => {
      const options = { ...still, name: fresh() }
      return i % 2 === 0 ? new RedisRateLimiter(client, options) : new RedisKeyedRateLimiter(client, options)
    })
    await limiters[0]!.ready()
    const before = await connections()
    await Promise.all(limiters.map((limiter) => limiter.ready()))
    for (const limiter of limiters.slice(1)) limiter.close()
    await limiters[0]!.ready()
    expect(await connections()).toBe(before)
    limiters[0]!.close()
    close()
  })
})
