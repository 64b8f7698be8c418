import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisClient, RedisRateLimiter } from 'amorsize/redis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { limitsOverRedis, still } from '../../support/limits-over-redis.js'
import { answers, freePort, hasServer } from '../../support/redis-server.js'

const require = createRequire(import.meta.url)
const NAME = 'limits'

interface AnyClient {
  on(event: string, listener: () => void): void
  disconnect(): void
  connect(): Promise<unknown>
  destroy(): unknown
}

/** Clients as docs/redis.md makes them, by the port of a sentinel. */
const clients: Record<string, (port: number) => Promise<readonly [client: AnyClient, close: () => unknown]>> = {
  ioredis(port) {
    const { Redis } = require('ioredis') as { Redis: new (options: object) => AnyClient }
    const client = new Redis({ sentinels: [{ host: '127.0.0.1', port }], name: NAME })
    client.on('error', () => undefined)
    return Promise.resolve([client, () => client.disconnect()])
  },
  async 'node-redis'(port) {
    const { createSentinel } = require('redis') as { createSentinel: (options: object) => AnyClient }
    const client = createSentinel({ name: NAME, sentinelRootNodes: [{ host: '127.0.0.1', port }] })
    client.on('error', () => undefined)
    await client.connect()
    return [client, () => client.destroy()]
  },
}

describe.skipIf(!hasServer('redis'))('limits behind a sentinel (needs redis-server)', () => {
  const { running, fresh } = limitsOverRedis('sentinel')
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-sentinel-'))
  let port: number
  let end: () => Promise<void>
  beforeAll(async () => {
    port = await freePort()
    const config = join(folder, 'sentinel.conf')
    const monitored = `sentinel monitor ${NAME} 127.0.0.1 ${running.get('redis')!.port} 1`
    writeFileSync(config, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n${monitored}\n`)
    const sentinel = spawn('redis-server', [config, '--sentinel'], { stdio: 'ignore' })
    end = async () => {
      const ended = once(sentinel, 'close')
      sentinel.kill('SIGKILL')
      await ended
    }
    await vi.waitUntil(() => answers(port), { timeout: 10_000 })
  })
  afterAll(async () => {
    await end()
    rmSync(folder, { recursive: true })
  })

  it.each(Object.keys(clients))('are those of the server that it names: %s', async (kind) => {
    const [client, close] = await clients[kind]!(port)
    const name = fresh()
    const options = { ...still, name, mode: 'exact' } as const
    const limiters = [1, 2].map(() => new RedisRateLimiter(client as unknown as RedisClient, options))
    expect(await limiters[0]!.decide(4)).toMatchObject({ allowed: true, remaining: 6, source: 'redis' })
    expect(await limiters[1]!.decide(4)).toMatchObject({ allowed: true, remaining: 2, source: 'redis' })
    for (const limiter of limiters) limiter.close()
    await close()
  })
})
