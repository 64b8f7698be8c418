// A greedy caller while things go wrong: how much it gets, how long it waits for answers, and how soon the server decides again.
import { rmSync } from 'node:fs'
import { RedisRateLimiter } from 'amorsize/redis'
import { afterAll, describe, expect, it } from 'vitest'
import { filesOf, machineName } from '../../support/machine.js'
import { type Client, clientMakers } from '../../support/redis-clients.js'
import { hasServer, TestServer } from '../../support/redis-server.js'
import { canShiftClocks, ShiftedClock } from '../../support/shifted-clock.js'
import { TcpProxy } from '../../support/tcp-proxy.js'

const servers = (['redis', 'valkey'] as const).filter(hasServer)
const RATE = 500
const BURST = 50
/** A tenth of the burst in hand, and as much asked for. */
const AHEAD = 10
const TIMEOUT_MS = 100
/** Two cores that others use, too: what is asserted of time is wide. */
const LATE_MS = 500
const RECOVERED_MS = 2000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What may go wrong, and with what. */
interface Fixture {
  readonly server: TestServer
  readonly proxy: TcpProxy
  readonly command: Client['command']
}

interface Trouble {
  /** Further options of the server. */
  readonly options?: string[]
  /** How often the server loses the key: each may add a burst. */
  readonly losses: number
  /** Lets it happen; resolves when its cause has gone. */
  happen(fixture: Fixture): Promise<void>
}

async function repeatedly(times: number, what: () => unknown): Promise<void> {
  for (let i = 0; i < times; i++) {
    await what()
    await sleep(200)
  }
}

const troubles: Record<string, Trouble> = {
  'the server is killed and comes back empty': {
    losses: 1,
    async happen({ server }) {
      await server.kill()
      await sleep(1500)
      await server.restart()
    },
  },
  'the server is killed and comes back with its append-only file': {
    options: ['--appendonly', 'yes', '--appendfsync', 'always'],
    losses: 0,
    async happen({ server }) {
      await server.kill()
      await sleep(500)
      await server.restart()
    },
  },
  'the server is stopped for ten seconds': {
    losses: 0,
    async happen({ server }) {
      process.kill(server.pid, 'SIGSTOP')
      await sleep(10_000)
      process.kill(server.pid, 'SIGCONT')
    },
  },
  'clients are paused for a second': {
    losses: 0,
    async happen({ command }) {
      await command('CLIENT', 'PAUSE', '1000')
      await sleep(1000)
    },
  },
  'answers take 200 ms': {
    losses: 0,
    async happen({ proxy }) {
      proxy.delayMs = 200
      await sleep(1500)
      proxy.delayMs = 0
    },
  },
  'connections are cut': { losses: 0, happen: ({ proxy }) => repeatedly(5, () => proxy.cut()) },
  'connections are cut before answers': {
    losses: 0,
    async happen({ proxy }) {
      proxy.cutsAnswers = true
      await sleep(1500)
      proxy.cutsAnswers = false
    },
  },
  'scripts are flushed': { losses: 0, happen: ({ command }) => repeatedly(5, () => command('SCRIPT', 'FLUSH')) },
  'the key is deleted': { losses: 2, happen: ({ command }) => repeatedly(2, () => command('FLUSHALL')) },
}

interface Counts {
  /** By whoever decided. */
  readonly redis: number
  readonly fallback: number
  readonly seconds: number
  /** From the first fallback to the last. */
  readonly fallbackSeconds: number
  readonly longestMs: number
  readonly recoveredMs: number
}

/** Takes all it gets while `happen` goes on, and a second more. */
async function underTrouble(limiter: RedisRateLimiter, happen: () => Promise<void>): Promise<Counts> {
  const counts = { redis: 0, fallback: 0 }
  const startMs = performance.now()
  let [firstAloneMs, lastAloneMs, longestMs, goneMs, recoveredMs] = [Infinity, -Infinity, 0, Infinity, Infinity]
  const trouble = sleep(300)
    .then(happen)
    .then(() => (goneMs = performance.now()))
  for (;;) {
    const askedMs = performance.now()
    const { allowed, source } = await limiter.decide()
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - askedMs)
    const by = source === 'fallback' ? 'fallback' : 'redis'
    if (allowed) counts[by]++
    if (by === 'fallback') [firstAloneMs, lastAloneMs] = [Math.min(firstAloneMs, nowMs), nowMs]
    else if (askedMs > goneMs) recoveredMs = Math.min(recoveredMs, nowMs - goneMs)
    if (nowMs > goneMs + 1000 && (recoveredMs < Infinity || nowMs > goneMs + 20_000)) break
    await sleep(1)
  }
  await trouble
  const seconds = (performance.now() - startMs) / 1000
  const fallbackSeconds = Math.max(0, (lastAloneMs - firstAloneMs) / 1000)
  return { ...counts, seconds, fallbackSeconds, longestMs, recoveredMs }
}

/** By hand: `expect.poll` of the module does not find its test where several run at once. */
async function untilServerDecides(limiter: RedisRateLimiter): Promise<void> {
  const endMs = performance.now() + 20_000
  while ((await limiter.decide()).source === 'fallback') {
    expect(performance.now()).toBeLessThan(endMs)
    await sleep(50)
  }
}

describe.skipIf(servers.length === 0)(
  'the bound, the time limit and the return of a RedisRateLimiter (needs redis-server or valkey-server)',
  () => {
    const rest: (() => unknown)[] = []
    afterAll(async () => {
      for (const end of rest.reverse()) await end()
    })
    /** What counts on this machine while the server is away, too. */
    function freshName(): string {
      const name = machineName()
      rest.push(() => {
        for (const file of filesOf(`redis:${name}`)) rmSync(file)
      })
      return name
    }

    async function limiterOn(port: number): Promise<RedisRateLimiter> {
      const name = freshName()
      const { client, close } = await clientMakers['ioredis']!(port)
      const limiter = new RedisRateLimiter(client, {
        name,
        requestsPerSecond: RATE,
        burstSize: BURST,
        timeoutMs: TIMEOUT_MS,
      })
      rest.push(close, () => limiter.close())
      await untilServerDecides(limiter)
      return limiter
    }
    function expectBound({ redis, fallback, seconds, fallbackSeconds }: Counts, losses: number): void {
      expect(redis).toBeLessThanOrEqual(RATE * seconds + BURST * (1 + losses) + AHEAD)
      // Without the server this machine has the limit by itself, with a burst of its own.
      expect(fallback).toBeLessThanOrEqual(RATE * fallbackSeconds + BURST + 1)
    }

    // Both kinds at once, the troubles of each one after the other: most of the time they wait.
    const oneByOne = { concurrent: false }
    describe.concurrent.each(servers)('%s', (kind) => {
      it.each(Object.entries(troubles))('hold while %s', oneByOne, async (_, { options, losses, happen }) => {
        const server = await TestServer.start(kind, options)
        const proxy = await TcpProxy.to(server.port)
        const { command, close } = await clientMakers['ioredis']!(server.port)
        rest.push(
          () => server[Symbol.asyncDispose](),
          () => proxy[Symbol.asyncDispose](),
          () => close(),
        )
        const limiter = await limiterOn(proxy.port)
        const counts = await underTrouble(limiter, () => happen({ server, proxy, command }))
        expectBound(counts, losses)
        expect(counts.longestMs).toBeLessThan(TIMEOUT_MS + LATE_MS)
        expect(counts.recoveredMs).toBeLessThan(RECOVERED_MS)
        // Somebody was served all the time.
        expect(counts.redis + counts.fallback).toBeGreaterThan(BURST)
      })

      it.skipIf(!canShiftClocks)(
        'hold while the clock is set an hour forward and back (needs cc)',
        oneByOne,
        async () => {
          const clock = new ShiftedClock()
          const server = await TestServer.start(kind, [], clock.env)
          rest.push(
            () => clock[Symbol.dispose](),
            () => server[Symbol.asyncDispose](),
          )
          const { command, close } = await clientMakers['ioredis']!(server.port)
          rest.push(close)
          const serverSeconds = async (): Promise<number> => Number(((await command('TIME')) as [string])[0])
          const limiter = await limiterOn(server.port)
          const beforeSeconds = await serverSeconds()
          const counts = await underTrouble(limiter, async () => {
            clock.set(3600)
            expect((await serverSeconds()) - beforeSeconds).toBeGreaterThanOrEqual(3600)
            await sleep(500)
            clock.set(-3600)
            await sleep(500)
            clock.set(0)
          })
          // Forward twice, and a burst each time; backward it stops for no longer than a bucket takes to fill.
          expectBound(counts, 2)
          expect(counts.recoveredMs).toBeLessThan(RECOVERED_MS)
          expect(counts.redis + counts.fallback).toBeGreaterThan((RATE * counts.seconds) / 4)
        },
      )

      it(
        'holds when the key is evicted, by a burst for each time, and falls back where nothing may be written',
        oneByOne,
        async () => {
          const server = await TestServer.start(kind, ['--maxmemory-policy', 'allkeys-lru'])
          rest.push(() => server[Symbol.asyncDispose]())
          const { command, client, close } = await clientMakers['ioredis']!(server.port)
          rest.push(close)
          const limiter = new RedisRateLimiter(client, {
            name: freshName(),
            requestsPerSecond: 0.001,
            burstSize: 10,
            mode: 'exact',
            timeoutMs: 10_000,
            onUnavailable: 'closed',
          })
          rest.push(() => limiter.close())
          const key = `rl:{${limiter.name}}`
          const take = async (most: number): Promise<number> => {
            let taken = 0
            for (let i = 0; i < most; i++) if ((await limiter.decide()).allowed) taken++
            return taken
          }
          expect(await take(12)).toBe(10)
          const used = async (): Promise<number> =>
            Number(/used_memory:(\d+)/.exec(String(await command('INFO', 'memory')))![1])
          await command('CONFIG', 'SET', 'maxmemory', String((await used()) + 2_000_000))
          for (let i = 0; (await command('EXISTS', key)) === 1; i++) {
            if (i === 20_000) throw new Error('the key is not evicted')
            await command('SET', `filler:${i}`, 'x'.repeat(10_000))
          }
          // Else the key might be evicted again, between two of these.
          await command('CONFIG', 'SET', 'maxmemory', '0')
          expect(await take(12)).toBe(10)
          await command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
          await command('CONFIG', 'SET', 'maxmemory', '1')
          // A refusal writes nothing, and is the server's still; what would be granted has to be written.
          expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'redis' })
          await command('DEL', key)
          expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'fallback' })
          await expect(limiter.acquire()).rejects.toMatchObject({
            code: 'ERR_RATE_LIMIT_EXCEEDED',
            cause: { message: expect.stringContaining('OOM') as string },
          })
          await command('CONFIG', 'SET', 'maxmemory', '0')
          await untilServerDecides(limiter)
        },
      )
    })
  },
)
