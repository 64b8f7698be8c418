// `execute` and `stream` over worker processes of BullMQ 5 and 6, on a real Redis and Valkey.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execute, stream, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { RedisRateLimiter } from 'amorsize/redis'
import { describe, expect, it } from 'vitest'
import { addressOf, cases, jobsOf, numbers, require, runningServers, servers, url } from './support/bullmq.mjs'

describe.skipIf(servers.length === 0)('runs over BullMQ (needs redis-server or valkey-server)', () => {
  const running = runningServers()
  const expectNoJobs = async (address) => expect(await jobsOf(address)).toEqual({})

  it.each(cases)('leaves nothing in the server, with %s on %s', async (name, kind) => {
    const address = addressOf(running.get(kind), `plain-${name}`, name)
    const serving = await serveTasks({ ...address, tasks: [url] })
    const results = await execute(task(url, 'double'), numbers(5000), { on: bullmq(address) })
    expect(results).toEqual(numbers(5000).map((n) => 2 * n))
    const streamed = []
    for await (const result of stream(task(url, 'slow'), numbers(100), { on: bullmq(address) })) streamed.push(result)
    expect(streamed).toEqual(numbers(100))
    await expectNoJobs(address)
    await serving.close()
  })

  it.each(cases)('ends by signal, and leaves no job behind, with %s on %s', async (name, kind) => {
    const address = addressOf(running.get(kind), `abort-${name}`, name)
    const serving = await serveTasks({ ...address, tasks: [url] })
    const abort = new AbortController()
    const run = execute(task(url, 'slow'), numbers(20_000), {
      on: bullmq(address),
      signal: abort.signal,
      hooks: { onChunk: () => abort.abort('enough') },
    })
    await expect(run).rejects.toBe('enough')
    await expect.poll(() => jobsOf(address)).toEqual({})
    await serving.close()
  })

  it('ends what is still in hand elsewhere when a copy of it was faster, and leaves no job behind', async () => {
    const address = addressOf(running.get(servers[0]), 'stuck')
    const workers = [await serveTasks({ ...address, tasks: [url] }), await serveTasks({ ...address, tasks: [url] })]
    // How long items take has to be known for one to be a straggler.
    const results = await execute(task(url, 'stuckLast'), numbers(20), { on: bullmq(address) })
    expect(results).toEqual(numbers(20))
    await expect.poll(() => jobsOf(address)).toEqual({})
    // Neither has anything in hand any more.
    await Promise.all(workers.map((serving) => serving.close()))
  })

  it('holds one limit over two workers by a RedisRateLimiter as their policy', async () => {
    const { port } = running.get(servers[0])
    const { Redis } = require('ioredis')
    const clients = [1, 2].map(() => new Redis({ port, host: '127.0.0.1' }))
    const limit = { name: 'crawl', requestsPerSecond: 100, burstSize: 10, mode: 'exact', timeoutMs: 10_000 }
    const limiters = clients.map((client) => new RedisRateLimiter(client, limit))
    const address = addressOf({ port }, 'limited')
    const workers = await Promise.all(limiters.map((policy) => serveTasks({ ...address, tasks: [url], policy })))
    const startMs = performance.now()
    await execute(task(url, 'double'), numbers(110), { on: bullmq(address) })
    // 100 of them after the burst, at 100 per second.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(980)
    expect(workers.every((worker) => worker.stats().done > 0)).toBe(true)
    for (const one of [...workers, ...limiters]) await one.close()
    for (const client of clients) client.disconnect()
  })

  it('lets a second driver of the same run know who has it', async () => {
    const address = addressOf(running.get(servers[0]), 'two')
    const serving = await serveTasks({ ...address, tasks: [url] })
    let begun
    const hasBegun = new Promise((resolve) => (begun = resolve))
    const run = (hooks) => execute(task(url, 'slow'), numbers(300), { on: bullmq(address), hooks })
    // Its first chunk is back, and others are under way.
    const first = run({ onChunk: () => begun() })
    await hasBegun
    await expect(run()).rejects.toMatchObject({
      code: 'ERR_EXECUTION',
      message: expect.stringContaining(`is driven by process ${process.pid} on`),
    })
    expect(await first).toEqual(numbers(300))
    await serving.close()
  })

  it('takes the run of a driver that has died once its claim lapses', async () => {
    const { port } = running.get(servers[0])
    const address = addressOf({ port }, 'claims')
    const admin = new (require('ioredis').Redis)({ host: '127.0.0.1', port })
    const serving = await serveTasks({ ...address, tasks: [url] })
    const run = (hooks) => execute(task(url, 'double'), numbers(50), { on: bullmq(address), hooks })
    let seen
    await run({ onChunk: () => (seen ??= admin.keys('amz:*:driver')) })
    const [key] = await seen
    const claim = JSON.stringify({ host: 'another', pid: 7, id: 'of one that has died' })
    await admin.set(key, claim, 'PX', 1000)
    expect(await run()).toEqual(numbers(50).map((n) => 2 * n))
    // One that is never given up.
    await admin.set(key, claim)
    await expect(run()).rejects.toThrow('is driven by process 7 on another')
    await admin.del(key)
    admin.disconnect()
    await serving.close()
  })

  it('names both versions where a worker has another one', async () => {
    const address = addressOf(running.get(servers[0]), 'versions')
    const folder = mkdtempSync(join(tmpdir(), 'amorsize-queue-'))
    const old = join(folder, 'machines.mjs')
    writeFileSync(old, `${readFileSync(url, 'utf8')}\n// an older one`)
    const serving = await serveTasks({ ...address, tasks: [old] })
    await expect(
      execute(task(url, 'double'), numbers(10), { on: bullmq({ ...address, onNoWorkers: 'throw' }) }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/its machines\.mjs has the text [\da-f]{16}, and the run's has [\da-f]{16}/),
    })
    expect(serving.stats().refused).toBeGreaterThan(0)
    await expectNoJobs(address)
    await serving.close()
    rmSync(folder, { recursive: true })
  })

  it('says in one sentence what to start where no server is', async () => {
    const address = addressOf({ port: 1 }, 'none')
    const sentence =
      /^no Redis or Valkey answers at 127\.0\.0\.1:1 \(.*\): install and start one, such as Debian's redis-server or valkey-server$/
    const sentinels = {
      ...address,
      connection: { sentinels: [{ host: '127.0.0.1', port: 1 }, { port: 2 }], name: 'a' },
    }
    // Each waits for seconds.
    await Promise.all([
      expect(execute(task(url, 'double'), [1], { on: bullmq(address) })).rejects.toThrow(sentence),
      expect(serveTasks({ ...address, tasks: [url] })).rejects.toThrow(sentence),
      expect(execute(task(url, 'double'), [1], { on: bullmq(sentinels) })).rejects.toThrow(
        /^no Redis or Valkey answers at the given servers \(/,
      ),
    ])
  })
})
