// Processors of BullMQ 5 and 6 through our policies, on a real Redis and Valkey.
import { once } from 'node:events'
import { circuitBreaker, RateLimiter, retry } from 'amorsize'
import { wrapProcessor } from 'amorsize/bullmq'
import { RedisRateLimiter } from 'amorsize/redis'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { cases, require, runningServers, servers } from './support/bullmq.mjs'

describe.skipIf(servers.length === 0)('wrapProcessor (needs redis-server or valkey-server)', () => {
  const running = runningServers()

  describe.each(cases)('%s on %s', (library, kind) => {
    const { Queue, Worker } = require(library)
    let names = 0

    /** A queue with a worker, until `use` is through. */
    async function withQueue(makeProcessor, use) {
      const name = `q-${library}-${names++}`
      const connection = { host: '127.0.0.1', port: running.get(kind).port }
      const queue = new Queue(name, { connection })
      const worker = new Worker(name, makeProcessor(queue), {
        connection: { ...connection, maxRetriesPerRequest: null },
      })
      worker.on('error', () => undefined)
      await worker.waitUntilReady()
      try {
        await use(queue, worker)
      } finally {
        await worker.close()
        await queue.close()
      }
    }
    const state = async (queue, id) => (await queue.getJob(id)).getState()

    it('delays what a limiter refuses, at no cost of attempts, and does it later', async () => {
      const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, waitOnLimit: false })
      const seen = []
      await withQueue(
        () =>
          wrapProcessor(limiter, async (job, token, signal) => {
            seen.push(job.data)
            return { n: job.data, hasSignal: signal instanceof AbortSignal }
          }),
        async (queue) => {
          const jobs = await queue.addBulk([0, 1, 2, 3].map((data) => ({ name: 'j', data })))
          for (const { id } of jobs) await expect.poll(() => state(queue, id)).toBe('completed')
          expect(seen.toSorted()).toEqual([0, 1, 2, 3])
          for (const { id, data } of jobs) {
            const { attemptsMade, returnvalue } = await queue.getJob(id)
            expect(attemptsMade).toBe(1)
            expect(returnvalue).toEqual({ n: data, hasSignal: true })
          }
        },
      )
    })

    it('delays jobs while a breaker is open', async () => {
      // The breaker stays open until the test lets its time go on, however slow the machine is.
      const clock = new FakeClock()
      const breaker = circuitBreaker({ failureThreshold: 1, resetTimeoutMs: 300, successThreshold: 1, clock })
      let calls = 0
      await withQueue(
        () =>
          wrapProcessor(breaker, async () => {
            if (++calls === 1) throw new Error('down')
            return 'up'
          }),
        async (queue, worker) => {
          const failed = once(worker, 'failed')
          await queue.add('first', {})
          await failed
          const { id } = await queue.add('second', {})
          await expect.poll(() => state(queue, id)).toBe('delayed')
          await clock.advance(300)
          await expect.poll(() => state(queue, id)).toBe('completed')
          expect((await queue.getJob(id)).attemptsMade).toBe(1)
        },
      )
    })

    it('fails at once what is wrong for good, and leaves other errors to the attempts of the queue', async () => {
      await withQueue(
        () =>
          wrapProcessor(retry({ maxRetries: 0 }), async (job) => {
            throw Object.assign(new Error('no such user'), { status: job.data.status })
          }),
        async (queue) => {
          const outcomes = []
          for (const status of [404, 503]) {
            const { id } = await queue.add('j', { status }, { attempts: 3 })
            await expect.poll(() => state(queue, id)).toBe('failed')
            const { attemptsMade, failedReason } = await queue.getJob(id)
            outcomes.push([status, attemptsMade, failedReason])
          }
          expect(outcomes).toEqual([
            [404, 1, 'no such user'],
            [503, 3, 'no such user'],
          ])
        },
      )
    })

    it.each(['delay-job', 'limit-queue'])('waits as long as a 429 asks: %s', async (on429) => {
      const startedMs = []
      await withQueue(
        (queue) =>
          wrapProcessor(
            retry({ maxRetries: 0 }),
            async () => {
              startedMs.push(performance.now())
              if (startedMs.length === 1)
                throw Object.assign(new Error('slow down'), { statusCode: 429, headers: { 'retry-after': '1' } })
            },
            { on429, queue },
          ),
        async (queue) => {
          const jobs = await queue.addBulk([
            { name: 'a', data: {} },
            { name: 'b', data: {} },
          ])
          for (const { id } of jobs) await expect.poll(() => state(queue, id)).toBe('completed')
          const [first, second, third] = startedMs
          expect(third - first).toBeGreaterThanOrEqual(900)
          // The whole queue waits, or the other job goes on at once.
          if (on429 === 'limit-queue') expect(second - first).toBeGreaterThanOrEqual(900)
          else expect(second - first).toBeLessThan(third - first)
        },
      )
    })

    it('holds one limit over several workers by a RedisRateLimiter', async () => {
      const { Redis } = require('ioredis')
      const client = new Redis({ port: running.get(kind).port, host: '127.0.0.1' })
      const limit = { name: `jobs-${library}`, requestsPerSecond: 50, burstSize: 5, timeoutMs: 10_000, mode: 'exact' }
      const limiters = [1, 2].map(() => new RedisRateLimiter(client, limit))
      const startedMs = []
      const note = async () => void startedMs.push(performance.now())
      await withQueue(
        () => wrapProcessor(limiters[0], note),
        async (queue) => {
          const other = new Worker(queue.name, wrapProcessor(limiters[1], note), {
            connection: { host: '127.0.0.1', port: running.get(kind).port, maxRetriesPerRequest: null },
          })
          await queue.addBulk(Array.from({ length: 30 }, (_, data) => ({ name: 'j', data })))
          await expect.poll(() => startedMs.length).toBe(30)
          // 25 of them after the burst, at 50 per second.
          expect(startedMs.at(-1) - startedMs[0]).toBeGreaterThanOrEqual(480)
          await other.close()
        },
      )
      for (const limiter of limiters) limiter.close()
      client.disconnect()
    })
  })
})
