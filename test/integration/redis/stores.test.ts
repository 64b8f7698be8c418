import { expressStore, fastifyStore, nestStorage, type StoreOptions } from 'amorsize/http'
import type { RedisClient } from 'amorsize/redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { machineName as fresh } from '../../support/machine.js'
import { itWithAddon } from '../../support/native.js'
import { type Client, clientMakers } from '../../support/redis-clients.js'
import { hasServer, type ServerKind, TestServer } from '../../support/redis-server.js'

const servers = (['redis', 'valkey'] as const).filter(hasServer)
/** What incr or read of a Fastify store answers. */
const answerOf = (
  call: (callback: (error: Error | null, result?: object) => void) => void,
): Promise<{ current: number; ttl: number }> =>
  new Promise((resolve, reject) =>
    call((error, result) => (error === null ? resolve(result as { current: number; ttl: number }) : reject(error))),
  )

describe.skipIf(servers.length === 0)('stores with redis (needs redis-server or valkey-server)', () => {
  const running = new Map<ServerKind, TestServer>()
  const rest: (() => unknown)[] = []

  beforeAll(async () => {
    for (const kind of servers) running.set(kind, await TestServer.start(kind))
  })
  afterAll(async () => {
    for (const end of rest.reverse()) end()
    for (const server of running.values()) await server[Symbol.asyncDispose]()
  })

  async function connected(kind: ServerKind, maker = 'ioredis'): Promise<Client> {
    const client = await clientMakers[maker]!(running.get(kind)!.port)
    rest.push(() => client.close())
    return client
  }
  /** Answers may take long, and windows are longer than any test. */
  async function options(
    kind: ServerKind,
    given: Partial<StoreOptions> = {},
  ): Promise<StoreOptions & { redis: RedisClient; name: string }> {
    const { client } = await connected(kind)
    return { name: fresh(), redis: client, timeoutMs: 10_000, ...given } as never
  }
  function expressOf(given: StoreOptions & { redis: RedisClient }, limit: unknown = 2, windowMs = 600_000) {
    const store = expressStore(given)
    rest.push(() => store.shutdown())
    store.init({ windowMs, limit })
    return store
  }
  function fastifyOf(given: StoreOptions, terms = {}) {
    const Store = fastifyStore(given)
    rest.push(() => Store.close())
    return new Store(terms)
  }
  function nestOf(given: StoreOptions) {
    const storage = nestStorage(given)
    rest.push(() => storage.onApplicationShutdown())
    return storage
  }

  describe.each(servers)('on %s', (kind) => {
    it.each(Object.keys(clientMakers))('expressStore counts together with others of its name, by %s', async (maker) => {
      const { client } = await connected(kind, maker)
      const shared = { name: fresh(), redis: client, timeoutMs: 10_000 }
      const [one, two] = [expressOf(shared), expressOf(shared)]
      const beforeMs = Date.now()
      expect((await one.increment('a')).totalHits).toBe(1)
      const { totalHits, resetTime } = await two.increment('a')
      expect(totalHits).toBe(2)
      expect(resetTime.getTime()).toBeGreaterThan(beforeMs + 500_000)
      expect(resetTime.getTime()).toBeLessThanOrEqual(Date.now() + 600_000)
      expect((await one.increment('a')).totalHits).toBe(3)
      expect((await one.increment('b')).totalHits).toBe(1)
      await two.decrement('a')
      expect((await one.get('a'))?.totalHits).toBe(2)
      await one.resetKey('a')
      expect(await two.get('a')).toBeUndefined()
      expect(one).toMatchObject({ localKeys: false, prefix: shared.name })
    })

    it('takes names and keys of any kind, and keeps two names two', async () => {
      const { redis } = await options(kind)
      const { command } = await connected(kind)
      const stores = ['a:b', 'a%3ab', 'a{b}', 'a/b'].map((name) =>
        expressOf({ name: fresh() + name, redis, timeoutMs: 10_000 }),
      )
      for (const store of stores)
        for (const key of ['::1', 'x}y{', 'x'.repeat(70_000), ''])
          expect((await store.increment(key)).totalHits).toBe(1)
      const keys = (await command('KEYS', `rw:{test-${process.pid}-*`)) as string[]
      expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(120)
    })

    it('ends a window when its time is over', async () => {
      const store = expressOf(await options(kind), 2, 300)
      expect((await store.increment('a')).totalHits).toBe(1)
      await expect.poll(() => store.get('a'), { timeout: 20_000 }).toBeUndefined()
      expect((await store.increment('a')).totalHits).toBe(1)
    })

    it("gives hits back evenly with algorithm 'bucket', and counts in a window where it cannot know the limit", async () => {
      const given = await options(kind, { algorithm: 'bucket' })
      const store = expressOf(given, 3, 3_000_000)
      const hits = [1, 2, 3, 4].map(async () => (await store.increment('a')).totalHits)
      expect((await Promise.all(hits)).toSorted()).toEqual([1, 2, 3, 4])
      const { totalHits, resetTime } = await store.increment('a')
      expect(totalHits).toBe(4)
      // One comes back after a third of the window.
      expect(resetTime.getTime() - Date.now()).toBeLessThanOrEqual(1_000_000)
      expect(resetTime.getTime() - Date.now()).toBeGreaterThan(900_000)
      await store.decrement('a')
      expect((await store.get('a'))?.totalHits).toBe(2)
      expect([(await store.increment('a')).totalHits, (await store.increment('a')).totalHits]).toEqual([3, 4])
      await store.resetKey('a')
      expect(await store.get('a')).toBeUndefined()

      const unknown = expressOf(await options(kind, { algorithm: 'bucket' }), () => 5)
      for (const n of [1, 2, 3]) expect((await unknown.increment('a')).totalHits).toBe(n)
    })

    it('fastifyStore counts beyond max, holds back-offs, and counts each route apart', async () => {
      const given = await options(kind)
      const [one, two] = [fastifyOf(given), fastifyOf(given)]
      const hit = (store: typeof one, windowMs = 600_000, max = 1) =>
        answerOf((done) => store.incr('a', done, windowMs, max))
      expect((await hit(one)).current).toBe(1)
      expect((await hit(two)).current).toBe(2)
      const { current, ttl } = await hit(one)
      expect(current).toBe(3)
      expect(ttl).toBeGreaterThan(500_000)
      expect((await answerOf((done) => two.read('a', done, 600_000, 1))).current).toBe(3)
      const route = one.child({ routeInfo: { method: 'GET', url: '/a' } })
      expect((await hit(route)).current).toBe(1)

      const backingOff = fastifyOf(await options(kind), { exponentialBackoff: true })
      const ttls: number[] = []
      for (let i = 0; i < 4; i++) ttls.push((await hit(backingOff)).ttl)
      for (const [i, factor] of [1, 1, 2, 4].entries()) {
        expect(ttls[i]).toBeLessThanOrEqual(600_000 * factor)
        expect(ttls[i]).toBeGreaterThan(600_000 * factor - 100_000)
      }
    })

    it('nestStorage blocks a key that went beyond its limit, for all, and hits do not prolong it', async () => {
      const given = await options(kind)
      const [one, two] = [nestOf(given), nestOf(given)]
      const hit = (storage: typeof one, throttler = 'default') =>
        storage.increment('a', 1_000_000, 2, 500_000, throttler)
      expect(await hit(one)).toEqual({ totalHits: 1, timeToExpire: 1000, isBlocked: false, timeToBlockExpire: 0 })
      await hit(two)
      expect(await hit(one)).toMatchObject({ totalHits: 3, isBlocked: true })
      const { timeToBlockExpire, totalHits } = await hit(two)
      expect(totalHits).toBe(3)
      expect(timeToBlockExpire).toBeGreaterThan(400)
      expect(timeToBlockExpire).toBeLessThanOrEqual(500)
      expect(await hit(two, 'other')).toMatchObject({ totalHits: 1, isBlocked: false })
      const unblocked = () => one.increment('b', 1_000_000, 1, 0, 'default')
      await unblocked()
      expect(await unblocked()).toMatchObject({ totalHits: 2, isBlocked: true })
    })

    it('counts here while the server is away, and there when it is back', async () => {
      const server = await TestServer.start(kind)
      try {
        const { client, close } = await clientMakers['ioredis']!(server.port)
        const store = expressOf({ name: fresh(), redis: client, timeoutMs: 1000, processes: 2 }, 5)
        await expect.poll(async () => (await store.increment('warm')).totalHits, { timeout: 20_000 }).toBe(3)
        await server.kill()
        const counts: number[] = []
        for (let i = 0; i < 4; i++) counts.push((await store.increment('a')).totalHits)
        // Two of the five are this machine's.
        expect(counts).toEqual([2, 4, 6, 8])
        await server.restart()
        // What was counted here is not there.
        await expect
          .poll(async () => (await store.get('a')) === undefined, { timeout: 20_000, interval: 250 })
          .toBe(true)
        store.shutdown()
        close()
      } finally {
        await server[Symbol.asyncDispose]()
      }
    })
  })

  describe('while the server is away', () => {
    const away: RedisClient = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }

    it("fails with the client's error, onUnavailable: 'closed'", async () => {
      const given = { name: fresh(), redis: away, onUnavailable: 'closed' } as const
      await expect(expressOf(given).increment('a')).rejects.toThrow('ECONNREFUSED')
      await expect(answerOf((done) => fastifyOf(given).incr('a', done, 1000, 1))).rejects.toThrow('ECONNREFUSED')
      await expect(nestOf(given).increment('a', 1000, 1, 0, 'default')).rejects.toThrow('ECONNREFUSED')
    })

    it("lets all pass, onUnavailable: 'open'", async () => {
      const given = { name: fresh(), redis: away, onUnavailable: 'open' } as const
      const store = expressOf(given, 1)
      for (let i = 0; i < 5; i++) expect((await store.increment('a')).totalHits).toBe(1)
      expect(await nestOf(given).increment('a', 1000, 1, 0, 'default')).toMatchObject({ isBlocked: false })
    })

    describe.each(['window', 'bucket'] as const)("with algorithm '%s'", (algorithm) => {
      const given = () => ({ name: fresh(), redis: away, processes: 2, algorithm, capacity: 1000 }) as const

      it("counts by this machine's part of the limit", async () => {
        const store = expressOf(given(), 4)
        const counts: number[] = []
        for (let i = 0; i < 3; i++) counts.push((await store.increment('a')).totalHits)
        expect(counts).toEqual([2, 4, 6])
        await store.decrement('a')
        expect((await store.get('a'))?.totalHits).toBeLessThanOrEqual(4)
        await store.resetKey('a')
        expect(await store.get('a')).toBeUndefined()
        const storage = nestOf(given())
        for (const isBlocked of [false, false, true])
          expect(await storage.increment('a', 600_000, 4, 600_000, 'default')).toMatchObject({ isBlocked })
      })

      itWithAddon('counts all stores of this machine together', async () => {
        const shared = given()
        const stores = [expressOf(shared, 4), expressOf(shared, 4)]
        const counts: number[] = []
        for (let i = 0; i < 3; i++) counts.push((await stores[i % 2]!.increment('a')).totalHits)
        expect(counts).toEqual([2, 4, 6])
      })
    })
  })
})

describe('stores with redis: what they are given', () => {
  const redis: RedisClient = { send: () => Promise.reject(new Error('away')) }

  it.each([
    ['expressStore', expressStore],
    ['fastifyStore', fastifyStore],
    ['nestStorage', nestStorage],
  ])('%s refuses what makes no sense', (_, make) => {
    const refused = (options: object, message: string): void =>
      expect(() => (make as (options: object) => unknown)(options)).toThrow(message)
    refused({ redis }, 'redis needs a name, by which machines share the counts; received undefined')
    refused({ name: 'n', redis: {} }, 'client must be a client of ioredis')
    refused({ name: 'n', redis, timeoutMs: 0 }, 'timeoutMs must be')
    refused({ name: 'n', redis, onUnavailable: 'wait' }, "onUnavailable must be one of 'local', 'closed', 'open'")
    refused({ name: 'n', redis, processes: 0.5 }, 'processes must be an integer >= 1')
    refused({ name: 'n', redis, shareConnection: false }, 'shareConnection must be')
    refused({ name: 'n', timeoutMs: 5 }, 'timeoutMs needs redis, a client; received undefined')
    refused({ name: 'n', onUnavailable: 'open' }, 'onUnavailable needs redis')
  })
})
