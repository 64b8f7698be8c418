// RedisRateLimiter and stores with the clients that people use, by themselves and as clusters, each on redis-server and valkey-server.
import { createRequire } from 'node:module'
import { expressStore } from 'amorsize/http'
import { RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.ts'

const require = createRequire(import.meta.url)
const servers = ['redis', 'valkey'].filter(hasServer)
const host = '127.0.0.1'

/** As docs/redis.md has them. */
const sendsOnce = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
const retryStrategy = (tries) => Math.min(50 * tries, 500)
const socket = { connectTimeout: 1000, reconnectStrategy: retryStrategy, socketTimeout: 5000 }

const ioredis = (name) => async (port) => {
  const client = new (require(name).Redis)({ host, port, ...sendsOnce, retryStrategy })
  return { client, close: () => client.disconnect() }
}
const nodeRedis = (name, maker) => async (port) => {
  const client = await require(name)
    [maker]({ socket: { ...socket, host, port }, disableOfflineQueue: true, pingInterval: 1000 })
    .connect()
  return { client, close: () => client.destroy() }
}
/** By name: makes a client that is connected to `port`. */
const singles = {
  'ioredis 5': ioredis('ioredis'),
  'ioredis 6': ioredis('ioredis6'),
  'iovalkey 0.4': ioredis('iovalkey'),
  'node-redis 5': nodeRedis('redis5', 'createClient'),
  'node-redis 6': nodeRedis('redis6', 'createClient'),
  'a pool of node-redis 5': nodeRedis('redis5', 'createClientPool'),
  'a pool of node-redis 6': nodeRedis('redis6', 'createClientPool'),
  'GLIDE 2.5': async (port) => {
    const client = await require('@valkey/valkey-glide').GlideClient.createClient({
      ...patient,
      addresses: [{ host, port }],
    })
    return { client, close: () => client.close() }
  },
}

/** GLIDE waits for an answer for a quarter of a second only. */
const patient = { requestTimeout: 10_000 }

/** Clusters ask for it. */
const password = 'secret'

const ioredisCluster = (name) => async (ports) => {
  const nodes = ports.map((port) => ({ host, port }))
  const client = new (require(name).Cluster)(nodes, { redisOptions: { ...sendsOnce, password } })
  return { client, close: () => client.disconnect() }
}
const nodeRedisCluster = (name) => async (ports) => {
  const rootNodes = ports.map((port) => ({ url: `redis://${host}:${port}` }))
  const client = require(name).createCluster({
    rootNodes,
    defaults: { password, socket, disableOfflineQueue: true, pingInterval: 1000 },
  })
  await client.connect()
  return { client, close: () => client.destroy() }
}
const clusters = {
  'ioredis 5': ioredisCluster('ioredis'),
  'ioredis 6': ioredisCluster('ioredis6'),
  'iovalkey 0.4': ioredisCluster('iovalkey'),
  'node-redis 5': nodeRedisCluster('redis5'),
  'node-redis 6': nodeRedisCluster('redis6'),
  'GLIDE 2.5': async (ports) => {
    const addresses = ports.map((port) => ({ host, port }))
    const { GlideClusterClient } = require('@valkey/valkey-glide')
    const client = await GlideClusterClient.createClient({ ...patient, addresses, credentials: { password } })
    return { client, close: () => client.close() }
  },
}

/** Nothing comes back during a test. */
const still = { requestsPerSecond: 0.001, burstSize: 10, timeoutMs: 10_000, onUnavailable: 'closed' }

async function expectOneLimit(client, name) {
  for (const mode of ['exact', 'lease']) {
    const limiter = new RedisRateLimiter(client, { ...still, name: `${name}-${mode}`, mode })
    const decisions = []
    for (let i = 0; i < 12; i++) decisions.push(await limiter.decide())
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10)
    expect(decisions.every(({ source }) => source !== 'fallback')).toBe(true)
    limiter.close()
  }
  for (const algorithm of ['window', 'bucket']) {
    const store = expressStore({ name, algorithm, redis: client, timeoutMs: 10_000, onUnavailable: 'closed' })
    store.init({ windowMs: 600_000, limit: 5 })
    for (const hits of [1, 2, 3]) expect((await store.increment('a')).totalHits, algorithm).toBe(hits)
    await store.decrement('a')
    expect((await store.get('a')).totalHits, algorithm).toBe(2)
    await store.resetKey('a')
    expect(await store.get('a'), algorithm).toBeUndefined()
    store.shutdown()
  }
}

describe.skipIf(servers.length === 0)('clients (needs redis-server or valkey-server)', () => {
  describe.each(servers)('of one %s', (kind) => {
    let server
    let admin
    beforeAll(async () => {
      server = await TestServer.start(kind)
      admin = new (require('ioredis').Redis)({ host, port: server.port })
    })
    afterAll(() => {
      admin.disconnect()
      return server[Symbol.asyncDispose]()
    })

    it.each(Object.keys(singles))('%s', async (name) => {
      const { client, close } = await singles[name](server.port)
      client.on?.('error', () => undefined)
      // Each is the first to send our scripts.
      await admin.script('FLUSH')
      await expectOneLimit(client, `single-${name.replaceAll(/\W/g, '-')}`)
      await close()
    })
  })

  describe.each(servers)('of a cluster of three %s', (kind) => {
    let nodes
    let admins
    const commandTo = (i, ...parts) => admins[i].call(...parts)

    beforeAll(async () => {
      const options = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--requirepass', password]
      nodes = await Promise.all([1, 2, 3].map(() => TestServer.start(kind, options)))
      admins = nodes.map(({ port }) => new (require('ioredis').Redis)({ host, port, password }))
      const ranges = [
        [0, 5460],
        [5461, 10_922],
        [10_923, 16_383],
      ]
      await Promise.all(ranges.map((range, i) => commandTo(i, 'CLUSTER', 'ADDSLOTSRANGE', ...range)))
      // Two nodes of the same epoch would settle later which of them a slot belongs to, and meanwhile might each send clients to the other.
      for (const i of [0, 1, 2]) await commandTo(i, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
      for (const i of [1, 2]) await commandTo(0, 'CLUSTER', 'MEET', host, nodes[i].port)
      const isWhole = /cluster_state:ok[^]*cluster_known_nodes:3/
      for (const i of [0, 1, 2])
        await vi.waitFor(async () => expect(await commandTo(i, 'CLUSTER', 'INFO')).toMatch(isWhole), {
          timeout: 30_000,
        })
    })
    afterAll(async () => {
      for (const admin of admins) admin.disconnect()
      for (const node of nodes) await node[Symbol.asyncDispose]()
    })

    it.each(Object.keys(clusters))('%s', async (name) => {
      const { client, close } = await clusters[name](nodes.map(({ port }) => port))
      client.on?.('error', () => undefined)
      for (const i of [0, 1, 2]) await commandTo(i, 'SCRIPT', 'FLUSH')
      await expectOneLimit(client, `cluster-${name.replaceAll(/\W/g, '-')}`)
      await close()
    })

    it('warns where the cluster refuses the connection', async () => {
      const client = new (require('ioredis').Cluster)(nodes.map(({ port }) => ({ host, port })))
      client.on('error', () => undefined)
      const warned = []
      const hear = ({ code, message }) => void warned.push(`${code}: ${message}`)
      process.on('warning', hear)
      const limiter = new RedisRateLimiter(client, { ...still, name: 'refused' })
      expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'fallback' })
      await expect.poll(() => warned).toEqual([expect.stringMatching(/^AMORSIZE_REDIS_REFUSED: .*NOAUTH/)])
      process.off('warning', hear)
      limiter.close()
      client.disconnect()
    })

    // GLIDE does not tell which server has a key.
    it.each(Object.keys(clusters).filter((name) => !name.startsWith('GLIDE')))(
      '%s, while one of its servers is away',
      async (name) => {
        const { client, close } = await clusters[name](nodes.map(({ port }) => port))
        client.on?.('error', () => undefined)
        const limit = `away-${name.replaceAll(/\W/g, '-')}`
        const options = { name: limit, requestsPerSecond: 1000, mode: 'exact', timeoutMs: 500, onUnavailable: 'closed' }
        const limiter = new RedisKeyedRateLimiter(client, options)
        const keys = Array.from({ length: 12 }, (_, i) => i)
        const slots = await Promise.all(keys.map((key) => commandTo(0, 'CLUSTER', 'KEYSLOT', `rl:{${limit}:${key}}`)))
        const isFirsts = (key) => slots[key] <= 5460
        const sources = async (of, some) =>
          (await Promise.all(some.map((key) => of.decide(key)))).map(({ source }) => source)
        const there = keys.filter((key) => !isFirsts(key))
        const away = keys.filter(isFirsts)
        await expect.poll(() => sources(limiter, keys), { timeout: 10_000 }).not.toContain('fallback')
        process.kill(nodes[0].pid, 'SIGSTOP')
        try {
          expect(new Set(await sources(limiter, away))).toEqual(new Set(['fallback']))
          for (let i = 0; i < 5; i++) expect(await sources(limiter, there)).not.toContain('fallback')
        } finally {
          process.kill(nodes[0].pid, 'SIGCONT')
        }
        await expect.poll(() => sources(limiter, keys), { timeout: 10_000 }).not.toContain('fallback')
        limiter.close()
        await close()
      },
    )

    it.each(Object.keys(clusters))('%s, while a slot moves', async (name) => {
      const { client, close } = await clusters[name](nodes.map(({ port }) => port))
      client.on?.('error', () => undefined)
      const limit = `moved-${name.replaceAll(/\W/g, '-')}`
      const key = `rl:{${limit}}`
      const limiter = new RedisRateLimiter(client, { ...still, name: limit, mode: 'exact' })
      for (let i = 0; i < 4; i++) expect(await limiter.decide()).toMatchObject({ allowed: true, source: 'redis' })

      const slot = await commandTo(0, 'CLUSTER', 'KEYSLOT', key)
      const ids = await Promise.all([0, 1, 2].map((i) => commandTo(i, 'CLUSTER', 'MYID')))
      let from = -1
      for (const i of [0, 1, 2]) if ((await commandTo(i, 'CLUSTER', 'COUNTKEYSINSLOT', slot)) > 0) from = i
      const to = (from + 1) % 3
      await commandTo(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from])
      await commandTo(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to])
      const keys = await commandTo(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 100)
      await commandTo(from, 'MIGRATE', host, nodes[to].port, '', 0, 5000, 'AUTH', password, 'KEYS', ...keys)
      // Between the two: the key has gone, and its slot has not.
      const midway = await limiter.decide()
      for (const i of [to, from, 3 - from - to]) await commandTo(i, 'CLUSTER', 'SETSLOT', slot, 'NODE', ids[to])
      // What the server or the client has against it, if there is anything.
      const obstacle = () => limiter.acquire(1, { maxWaitMs: 0 }).catch((error) => error.cause ?? error)
      await expect.poll(obstacle, { timeout: 20_000, interval: 250 }).toBeUndefined()
      let allowed = 4 + (midway.allowed ? 1 : 0)
      for (let i = 0; i < 12; i++) if ((await limiter.decide()).allowed) allowed++
      // What the poll took is not counted: at least one.
      expect(allowed).toBeLessThan(10)
      expect(allowed).toBeGreaterThanOrEqual(5)
      limiter.close()
      await close()
    })
  })
})
