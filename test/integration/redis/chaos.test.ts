import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expressStore } from 'amorsize/http'
import { type RedisRateLimitOptions, RedisRateLimiter } from 'amorsize/redis'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { filesOf } from '../../support/machine.js'
import { type Client, clientMakers } from '../../support/redis-clients.js'
import { hasServer, TestServer } from '../../support/redis-server.js'
import { TcpProxy } from '../../support/tcp-proxy.js'

const servers = (['redis', 'valkey'] as const).filter(hasServer)
/** Far below the two seconds that a server is slow for, and far above a time limit of 100 ms: the machine may be busy. */
const IN_TIME_MS = 1000

describe.skipIf(servers.length === 0)(
  'a RedisRateLimiter when things go wrong (needs redis-server or valkey-server)',
  () => {
    const rest: (() => unknown)[] = []
    let names = 0
    const nameOf = (i: number): string => `chaos-${process.pid}-${i}`
    afterAll(async () => {
      for (const end of rest.reverse()) await end()
      for (let i = 0; i < names; i++) for (const file of filesOf(`redis:${nameOf(i)}`)) rmSync(file)
    })

    async function server(kind: (typeof servers)[number], args: string[] = []): Promise<TestServer> {
      const one = await TestServer.start(kind, args)
      rest.push(() => one[Symbol.asyncDispose]())
      return one
    }
    async function proxyTo(port: number): Promise<TcpProxy> {
      const one = await TcpProxy.to(port)
      rest.push(() => one[Symbol.asyncDispose]())
      return one
    }
    async function connected(port: number, maker = 'ioredis'): Promise<Client> {
      const one = await clientMakers[maker]!(port)
      rest.push(() => one.close())
      return one
    }
    /** Nothing comes back during a test. */
    function limiterOf({ client }: Client, options: Partial<RedisRateLimitOptions> = {}): RedisRateLimiter {
      const name = options.name ?? nameOf(names++)
      const limiter = new RedisRateLimiter(client, {
        requestsPerSecond: 0.001,
        burstSize: 10,
        timeoutMs: 10_000,
        mode: 'exact',
        ...options,
        name,
      })
      rest.push(() => limiter.close())
      return limiter
    }
    const untilAsked = (limiter: RedisRateLimiter): Promise<void> =>
      expect.poll(async () => (await limiter.decide()).source, { timeout: 20_000, interval: 30 }).toBe('redis')

    describe.each(servers)('%s', (kind) => {
      it('counts on when the server is killed and comes back with its append-only file', async () => {
        const one = await server(kind, ['--appendonly', 'yes', '--appendfsync', 'always'])
        const limiter = limiterOf(await connected(one.port), { timeoutMs: 1000 })
        for (let i = 0; i < 10; i++) expect(await limiter.decide()).toMatchObject({ allowed: true, source: 'redis' })
        await one.kill()
        expect(await limiter.decide()).toMatchObject({ source: 'fallback' })
        await one.restart()
        await untilAsked(limiter)
        expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'redis', remaining: 0 })
      })

      it.each(['ioredis', 'iovalkey', 'node-redis'])(
        'debits once what is cut off before its answer, with %s',
        async (maker) => {
          const one = await server(kind)
          const proxy = await proxyTo(one.port)
          const name = nameOf(names++)
          // A client that never tells of an answer it has lost waits as long as it may.
          const cut = limiterOf(await connected(proxy.port, maker), { name, timeoutMs: 3000 })
          await untilAsked(cut)
          proxy.cutsAnswers = true
          for (let i = 0; i < 3; i++) {
            await cut.decide()
            await new Promise((resolve) => setTimeout(resolve, 250))
          }
          proxy.cutsAnswers = false
          const straight = limiterOf(await connected(one.port), { name })
          // One to be sure of the connection, at most three that were cut off, and this one.
          const { remaining } = await straight.decide()
          expect(remaining).toBeGreaterThanOrEqual(5)
          // Node-redis waits for ever on a connection that was cut off as it opened.
          if (maker !== 'node-redis') await untilAsked(cut)
        },
      )

      it('answers within its time limit while answers take two seconds, and goes on when they do not', async () => {
        const one = await server(kind)
        const proxy = await proxyTo(one.port)
        const limiter = limiterOf(await connected(proxy.port), { timeoutMs: 100, onUnavailable: 'open' })
        await untilAsked(limiter)
        proxy.delayMs = 2000
        for (let i = 0; i < 20; i++) {
          const startMs = performance.now()
          expect((await limiter.decide()).source).toBe('fallback')
          expect(performance.now() - startMs).toBeLessThan(IN_TIME_MS)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        proxy.delayMs = 0
        await untilAsked(limiter)
      })

      it('answers within its time limit during CLIENT PAUSE', async () => {
        const one = await server(kind)
        const limiter = limiterOf(await connected(one.port, 'node-redis'), { timeoutMs: 100, onUnavailable: 'closed' })
        await untilAsked(limiter)
        const { command } = await connected(one.port)
        await command('CLIENT', 'PAUSE', '2000')
        const startMs = performance.now()
        expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'fallback' })
        expect(performance.now() - startMs).toBeLessThan(IN_TIME_MS)
        await untilAsked(limiter)
      })

      it.each(['ioredis', 'node-redis'])(
        'does not take a loop that was blocked for a server that is slow, with %s',
        async (maker) => {
          const one = await server(kind)
          const limiter = limiterOf(await connected(one.port, maker), { burstSize: 1000, timeoutMs: 500 })
          await untilAsked(limiter)
          for (let i = 0; i < 3; i++) {
            const decision = limiter.decide()
            // The question is sent, or waits to be; then nothing is heard for longer than the time limit.
            if (i > 0) await new Promise(setImmediate)
            const endMs = performance.now() + 800
            while (performance.now() < endMs);
            expect((await decision).source).toBe('redis')
          }
        },
      )

      it('takes a replica for away until it is the master, and goes on with what it has copied', async () => {
        const master = await server(kind)
        const replica = await server(kind, ['--replicaof', '127.0.0.1', String(master.port)])
        const { command } = await connected(replica.port)
        const proxy = await proxyTo(master.port)
        const limiter = limiterOf(await connected(proxy.port), { timeoutMs: 1000 })
        expect(await limiter.decide(6)).toMatchObject({ allowed: true, source: 'redis' })
        const key = `rl:{${limiter.name}}`
        await expect.poll(() => command('EXISTS', key), { timeout: 20_000 }).toBe(1)
        await master.kill()
        proxy.target = replica.port
        proxy.cut()
        expect(await limiter.decide()).toMatchObject({ source: 'fallback' })
        await command('REPLICAOF', 'NO', 'ONE')
        await untilAsked(limiter)
        // The six are still gone.
        expect((await limiter.decide()).remaining).toBeLessThanOrEqual(3)
      })

      it('loses what a process had in hand when it is killed, and no more', async () => {
        const one = await server(kind)
        const name = nameOf(names++)
        const options = {
          requestsPerSecond: 1,
          burstSize: 200,
          mode: 'lease',
          leaseSize: 20,
          timeoutMs: 10_000,
          name,
        } as const
        const program = fileURLToPath(new URL('../../fixtures/redis-lease.mjs', import.meta.url))
        const child = fork(program, [String(one.port), JSON.stringify(options)])
        const [taken] = (await once(child, 'message')) as [number]
        child.kill('SIGKILL')
        const { remaining } = await limiterOf(await connected(one.port), { ...options, mode: 'exact' }).decide()
        expect(remaining).toBeLessThan(200 - taken)
        expect(remaining).toBeGreaterThanOrEqual(200 - taken - 20 - 1)
      })

      it('needs no rights but those that docs/redis.md names', async () => {
        const one = await server(kind)
        const page = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')
        const rules = /ACL (SETUSER limits [^`]+)/.exec(page)![1]!.split(' ')
        const { Redis } = await import('ioredis')
        const address = { host: '127.0.0.1', port: one.port }
        const admin = new Redis(address)
        await admin.call('ACL', ...rules)
        const client = new Redis({ ...address, username: 'limits', password: 'secret' })
        const given = { client: client, command: () => Promise.resolve(), close: () => client.disconnect() }
        const limiter = limiterOf(given, { onUnavailable: 'closed' })
        await limiter.acquire()
        await limiter.pauseFor(1)
        const options = { redis: client, name: 'rights', onUnavailable: 'closed', timeoutMs: 10_000 } as const
        for (const algorithm of ['window', 'bucket'] as const) {
          const store = expressStore({ ...options, algorithm })
          store.init({ windowMs: 60_000, limit: 5 })
          expect(await store.increment('a')).toMatchObject({ totalHits: 1 })
          await store.decrement('a')
          await store.resetKey('a')
          store.shutdown()
        }
        client.disconnect()
        admin.disconnect()
      })

      it('warns of a password that is wrong, and of a right that is missing, and says so as the cause', async () => {
        const one = await server(kind, ['--requirepass', 'right'])
        const warnings: string[] = []
        const listen = ({ message }: Error): void => void warnings.push(message)
        process.on('warning', listen)
        const { Redis } = await import('ioredis')
        const admin = new Redis({ host: '127.0.0.1', port: one.port, password: 'right' })
        await admin.call('ACL', 'SETUSER', 'reader', 'on', '>the reader secret', '~*', '+@all', '-@scripting')
        const wrong = { host: '127.0.0.1', port: one.port, password: 'a wrong secret' }
        const unable = { host: '127.0.0.1', port: one.port, username: 'reader', password: 'the reader secret' }
        for (const [given, text] of [
          [wrong, /WRONGPASS/],
          [unable, /NOPERM/],
        ] as const) {
          const client = new Redis({ ...given, lazyConnect: true })
          client.on('error', () => undefined)
          const limiter = limiterOf(
            { client: client, command: () => Promise.resolve(), close: () => client.disconnect() },
            { onUnavailable: 'closed' },
          )
          const refused: unknown = await limiter.acquire().catch((error: unknown) => error)
          expect(refused).toMatchObject({
            cause: { name: 'ReplyError', message: expect.stringMatching(text) as string },
          })
          // Of ioredis, too, which keeps the command that has failed.
          expect(inspect(refused, { depth: 10 })).not.toContain(given.password)
          await new Promise(setImmediate)
          expect(warnings.filter((message) => text.test(message))).toHaveLength(1)
          client.disconnect()
        }
        process.off('warning', listen)
        admin.disconnect()
      })

      it('says so of a client that was closed', async () => {
        const one = await server(kind)
        const closed = await connected(one.port)
        closed.close()
        await expect(limiterOf(closed, { onUnavailable: 'closed' }).acquire()).rejects.toMatchObject({
          code: 'ERR_RATE_LIMIT_EXCEEDED',
          cause: { message: expect.stringMatching(/Connection is closed|the client was closed/) as string },
        })
      })
    })
  },
)
