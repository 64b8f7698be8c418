import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { RedisKeyedRateLimiter, RedisRateLimiter } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { excessOf } from '../../../bench/redis/excess.mjs'
import { limitsOverRedis, servers, still } from '../../support/limits-over-redis.js'

describe.skipIf(servers.length === 0)(
  'limits that threads and processes share (needs redis-server or valkey-server)',
  () => {
    const { running, connected, fresh } = limitsOverRedis('threads')

    describe.each(servers)('handles on %s', (kind) => {
      /** A thread without a client that asks by the handle it is sent. */
      const program = `
      const { workerData, parentPort } = require('node:worker_threads')
      const { RedisRateLimiter, RedisKeyedRateLimiter } = require('amorsize/redis')
      const { handle, key, calls } = workerData
      const limiter = (key === undefined ? RedisRateLimiter : RedisKeyedRateLimiter).from(handle)
      const ask = () => key === undefined ? limiter.decide() : limiter.decide(key)
      ;(async () => {
        const decisions = []
        for (let i = 0; i < calls; i++) decisions.push(await ask())
        parentPort.postMessage({ decisions, stats: limiter.stats() })
      })()`

      function decisionsOf(
        workerData: object,
      ): Promise<{ decisions: { allowed: boolean; source: string }[]; stats: { roundTrips: number } }> {
        return new Promise((resolve, reject) => {
          const worker = new Worker(program, { eval: true, workerData })
          worker.once('message', resolve)
          worker.once('error', reject)
        })
      }

      it('refills threads without a client through the thread that has one', async () => {
        const { client } = await connected(kind)
        const limiter = new RedisRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
        const handle = limiter.share()
        const threads = await Promise.all([1, 2].map(() => decisionsOf({ handle, calls: 8 })))
        const all = threads.flatMap(({ decisions }) => decisions)
        expect(all.filter(({ allowed }) => allowed)).toHaveLength(10)
        expect(new Set(all.map(({ source }) => source))).toEqual(new Set(['redis']))
        expect(await limiter.tryAcquire()).toBe(false)
        limiter.close()
      })

      it('has one lease for all threads of a handle, and one pause', async () => {
        const { client } = await connected(kind)
        const options = { name: fresh(), requestsPerSecond: 1000, burstSize: 1000, timeoutMs: 10_000 }
        const limiter = new RedisRateLimiter(client, options)
        const other = RedisRateLimiter.from(limiter.share())
        // Taken ahead by one, and used by the other: a lease lasts a second, and another try a moment, where the machine is busy.
        await expect
          .poll(
            async () => {
              for (let i = 0; i < 120; i++) await limiter.tryAcquire()
              const { roundTrips } = other.stats()
              const { source } = await other.decide()
              return source === 'lease' && other.stats().roundTrips === roundTrips
            },
            { timeout: 20_000 },
          )
          .toBe(true)
        await other.pauseFor(60_000)
        expect(await limiter.decide()).toMatchObject({ allowed: false, source: 'redis' })
        for (const one of [other, limiter]) one.close()
      })

      it('asks for each decision of a key, and has one pause for all threads of a handle', async () => {
        const { client } = await connected(kind)
        const limit = { requestsPerSecond: 1000, burstSize: 1000, timeoutMs: 10_000 }
        const limiter = new RedisKeyedRateLimiter(client, { ...limit, name: fresh() })
        const other = RedisKeyedRateLimiter.from(limiter.share())
        for (let i = 0; i < 20; i++) expect(await limiter.decide('k')).toMatchObject({ allowed: true, source: 'redis' })
        expect(limiter.stats().roundTrips).toBe(20)
        await other.pauseFor('k', 60_000)
        expect(await limiter.decide('k')).toMatchObject({ allowed: false, source: 'lease' })
        await expect(limiter.acquire('k', 1, { maxWaitMs: 50 })).rejects.toMatchObject({
          retryAfterMs: expect.anything(),
        })
        expect(limiter.stats().roundTrips).toBe(20)
        expect(await limiter.decide('l')).toMatchObject({ allowed: true, source: 'redis' })
        for (const one of [other, limiter]) one.close()
      })

      it.each(['RedisRateLimiter', 'RedisKeyedRateLimiter'])(
        'loses what a thread of a %s was asking for that is ended, no more, and goes on',
        async (name) => {
          const { client } = await connected(kind)
          const limit = { requestsPerSecond: 200, burstSize: 200, timeoutMs: 2000 }
          const options = { ...limit, name: fresh(), mode: 'lease' } as const
          const isKeyed = name === 'RedisKeyedRateLimiter'
          const limiter = isKeyed ? new RedisKeyedRateLimiter(client, options) : new RedisRateLimiter(client, options)
          const key = isKeyed ? ['k'] : []
          const startMs = performance.now()
          const greedy = `
          const { workerData: { name, handle, key, taken } } = require('node:worker_threads')
          const limiter = require('amorsize/redis')[name].from(handle)
          ;(async () => {
            for (;;) if (await limiter.tryAcquire(...key)) Atomics.add(taken, 0, 1)
          })()`
          const taken = new Int32Array(new SharedArrayBuffer(4))
          for (let i = 0; i < 4; i++) {
            const worker = new Worker(greedy, { eval: true, workerData: { name, handle: limiter.share(), key, taken } })
            const before = Atomics.load(taken, 0)
            await expect
              .poll(() => Atomics.load(taken, 0), { interval: 1, timeout: 20_000 })
              .toBeGreaterThan(before + 5)
            await worker.terminate()
          }
          let own = 0
          while (own < 1000 && (await limiter.decide(...(key as [never]))).allowed) own++
          const seconds = (performance.now() - startMs) / 1000
          // Ten at most are in hand, and ten asked for.
          expect(Atomics.load(taken, 0) + own).toBeLessThanOrEqual(200 + 200 * seconds + 20)
          expect(own + Atomics.load(taken, 0)).toBeGreaterThanOrEqual(200 - 4 * 20)
          await limiter.acquire(...(key as [never]))
          limiter.close()
        },
      )

      it('keeps refusals in one table for all threads', async () => {
        const { client } = await connected(kind)
        const limiter = new RedisKeyedRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
        for (let i = 0; i < 11; i++) await limiter.tryAcquire('attacker')
        const { decisions, stats } = await decisionsOf({ handle: limiter.share(), key: 'attacker', calls: 20 })
        expect(decisions.every(({ allowed, source }) => !allowed && source === 'lease')).toBe(true)
        expect(stats.roundTrips).toBe(0)
        limiter.close()
      })

      it('falls back where the thread with the client has gone, within the time limit', async () => {
        const { client } = await connected(kind)
        const limiter = new RedisRateLimiter(client, { ...still, name: fresh(), timeoutMs: 200 })
        const handle = limiter.share()
        limiter.close()
        const other = RedisRateLimiter.from(handle)
        expect(await other.decide()).toMatchObject({ allowed: true, source: 'fallback' })
        other.close()
      })

      it('takes a client of its own where there is one', async () => {
        const { client } = await connected(kind)
        const limiter = new RedisRateLimiter(client, { ...still, name: fresh(), mode: 'exact' })
        const own = RedisRateLimiter.from(limiter.share(), (await connected(kind, 'node-redis')).client)
        for (let i = 0; i < 5; i++) expect([await limiter.tryAcquire(), await own.tryAcquire()]).toEqual([true, true])
        limiter.close()
        expect(await own.decide()).toMatchObject({ allowed: false, source: 'redis' })
        own.close()
      })
    })

    it.each(servers)(
      'hold one limit over four processes of two threads, of which one is killed, on %s',
      async (kind) => {
        const options = { name: fresh(), requestsPerSecond: 1000, burstSize: 100, timeoutMs: 30_000 }
        const program = fileURLToPath(new URL('../../fixtures/redis-share.mjs', import.meta.url))
        const args = [String(running.get(kind)!.port), JSON.stringify(options), '1500']
        const children = [1, 2, 3, 4].map(() => fork(program, args, { serialization: 'advanced' }))
        await Promise.all(children.map((child) => once(child, 'message')))
        const answers = children.slice(1).map((child) => once(child, 'message') as Promise<[number[]]>)
        for (const child of children) child.send('start')
        await new Promise((resolve) => setTimeout(resolve, 500))
        children[0]!.kill('SIGKILL')
        const times = (await Promise.all(answers)).flatMap(([one]) => one)
        // Each process has ten in hand and ten asked for, and its other thread has asked for one; and each thread may be late to tell of one.
        expect(excessOf(times, 1000, 100)).toBeLessThanOrEqual(4 * (2 * 10 + 1) + 8)
        const seconds = (Math.max(...times) - Math.min(...times)) / 1000
        // What the fourth took, and where the machine is busy: much is not asked for.
        expect(times.length).toBeGreaterThan(100 * seconds)
      },
    )
  },
)

describe('handles: what they are given', () => {
  it.each([undefined, null, {}, { kind: 'amorsize.RateLimiter' }])('refuses %o', (handle) => {
    expect(() => RedisRateLimiter.from(handle as never)).toThrow(
      'handle must be what RedisRateLimiter.share() returned',
    )
    expect(() => RedisKeyedRateLimiter.from(handle as never)).toThrow(
      'handle must be what RedisKeyedRateLimiter.share() returned',
    )
  })
})
