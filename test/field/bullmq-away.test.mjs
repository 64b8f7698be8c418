// Runs over BullMQ whose server goes away, or refuses what it is asked.
import { once } from 'node:events'
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { afterEach, describe, expect, it } from 'vitest'
import { TestServer } from '../support/redis-server.ts'
import { addressOf, numbers, pairs, require, servers, url } from './support/bullmq.mjs'

describe.skipIf(servers.length === 0)('a server that is away (needs redis-server or valkey-server)', () => {
  let server
  afterEach(() => server[Symbol.asyncDispose]())

  it.each(pairs)(
    'keeps neither a run that is aborted nor a worker that is closed, with %s on %s',
    async (name, kind) => {
      server = await TestServer.start(kind)
      const address = addressOf(server, 'away', name)
      const serving = await serveTasks({ ...address, tasks: [url] })
      const abort = new AbortController()
      let begun
      const hasBegun = new Promise((resolve) => (begun = resolve))
      const run = execute(task(url, 'slow'), numbers(20_000), {
        on: bullmq(address),
        signal: abort.signal,
        hooks: { onChunk: () => begun() },
      })
      await hasBegun
      await server.kill()
      abort.abort('enough')
      // Without a limit both wait until the server is back, which never happens.
      await expect(run).rejects.toBe('enough')
      await serving.close()
    },
  )

  it('does not keep the results of a run that is done', async () => {
    server = await TestServer.start(servers[0])
    const address = addressOf(server, 'away')
    const serving = await serveTasks({ ...address, tasks: [url] })
    const onProgress = ({ completed, total }) => {
      // At once: what the run has still to tidy up is never answered.
      if (completed === total) process.kill(server.pid, 'SIGKILL')
    }
    expect(await execute(task(url, 'double'), numbers(8), { on: bullmq(address), onProgress })).toEqual(
      numbers(8).map((n) => 2 * n),
    )
    await serving.close()
  })

  it.each(pairs)('is told of while it refuses, and fails no run, with %s on %s', async (name, kind) => {
    server = await TestServer.start(kind)
    const address = addressOf(server, 'away', name)
    const { connection, queue, library } = address
    const run = execute(task(url, 'slow'), numbers(1000), { on: bullmq({ ...address, chunkMs: 100 }) })
    // As BullMQ fails a job that is done where the server refused that, but not any more what fails it.
    const failing = new library.Worker(
      queue,
      () => Promise.reject(new Error('NOREPLICAS Not enough good replicas to write.')),
      { connection },
    )
    await once(failing, 'failed')
    await failing.close()
    const serving = await serveTasks({ ...address, tasks: [url] })
    const admin = new (require('ioredis').Redis)(connection)
    const told = []
    const hear = ({ code, message }) => told.push(`${code}: ${message}`)
    process.on('warning', hear)
    await admin.config('SET', 'maxmemory', '1')
    const refused = expect.stringContaining('AMORSIZE_REDIS_REFUSED: the server of a run refuses what it is asked: OOM')
    await expect.poll(() => told).toContainEqual(refused)
    process.off('warning', hear)
    await admin.config('SET', 'maxmemory', '0')
    expect(await run).toEqual(numbers(1000))
    admin.disconnect()
    await serving.close()
  })

  it.each(pairs)('does not fill up with answers that were read, with %s on %s', async (name, kind) => {
    server = await TestServer.start(kind)
    const address = addressOf(server, 'away', name)
    const serving = await serveTasks({ ...address, tasks: [url] })
    // 30 MB, and more chunks than are under way at the same time.
    const results = await execute(task(url, 'large'), numbers(300), { on: bullmq(address) })
    expect(results.every((result, i) => result.length === 100_000 + String(i).length)).toBe(true)
    const admin = new (require('ioredis').Redis)({ host: '127.0.0.1', port: server.port })
    const used = async () => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))[1])
    await expect.poll(used).toBeLessThan(15e6)
    admin.disconnect()
    await serving.close()
  })
})
