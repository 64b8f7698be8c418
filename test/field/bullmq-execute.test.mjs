// `execute` and `stream` over worker processes of BullMQ 5 and 6, on a real Redis and Valkey.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execute, stream, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { RedisRateLimiter } from 'amorsize/redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.ts'
import { WorkerProcesses } from './support/worker-processes.mjs'

const require = createRequire(import.meta.url)
const url = new URL('./tasks/machines.mjs', import.meta.url)
const servers = ['redis', 'valkey'].filter(hasServer)
const cases = servers.flatMap((kind) => ['bullmq5', 'bullmq6'].map((name) => [name, kind]))
/** Each version and each server once: these take long. */
const pairs = [
  ['bullmq6', servers[0]],
  ['bullmq5', servers.at(-1)],
]
const numbers = (count) => Array.from({ length: count }, (_, i) => i)

describe.skipIf(servers.length === 0)('runs over BullMQ (needs redis-server or valkey-server)', () => {
  const running = new Map()
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-queue-'))
  beforeAll(async () => {
    for (const kind of servers) running.set(kind, await TestServer.start(kind))
  })
  afterAll(async () => {
    for (const server of running.values()) await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  it.each(cases)('leaves nothing in the server, with %s on %s', async (name, kind) => {
    const library = require(name)
    const address = { connection: { host: '127.0.0.1', port: running.get(kind).port }, queue: `plain-${name}`, library }
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
    const library = require(name)
    const address = { connection: { host: '127.0.0.1', port: running.get(kind).port }, queue: `abort-${name}`, library }
    const serving = await serveTasks({ ...address, tasks: [url] })
    const abort = new AbortController()
    const run = execute(task(url, 'slow'), numbers(20_000), {
      on: bullmq(address),
      signal: abort.signal,
      hooks: { onChunk: () => abort.abort('enough') },
    })
    await expect(run).rejects.toBe('enough')
    await expect.poll(() => jobsOf(address), { timeout: 20_000 }).toEqual({})
    await serving.close()
  })

  async function jobsOf({ queue: name, connection, library: { Queue } }) {
    const queue = new Queue(name, { connection })
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed')
    await queue.close()
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
  }
  const expectNoJobs = async (address) => expect(await jobsOf(address)).toEqual({})

  it('ends what is still in hand elsewhere when a copy of it was faster, and leaves no job behind', async () => {
    const connection = { host: '127.0.0.1', port: running.get(servers[0]).port }
    const address = { connection, queue: 'stuck', library: require('bullmq6') }
    const workers = [await serveTasks({ ...address, tasks: [url] }), await serveTasks({ ...address, tasks: [url] })]
    // How long items take has to be known for one to be a straggler.
    const results = await execute(task(url, 'stuckLast'), numbers(20), { on: bullmq(address) })
    expect(results).toEqual(numbers(20))
    await expect.poll(() => jobsOf(address), { timeout: 20_000 }).toEqual({})
    // Neither has anything in hand any more.
    await Promise.all(workers.map((serving) => serving.close()))
  })

  it('holds one limit over two workers by a RedisRateLimiter as their policy', async () => {
    const { port } = running.get(servers[0])
    const { Redis } = require('ioredis')
    const clients = [1, 2].map(() => new Redis({ port, host: '127.0.0.1' }))
    const limit = { name: 'crawl', requestsPerSecond: 100, burstSize: 10, mode: 'exact', timeoutMs: 10_000 }
    const limiters = clients.map((client) => new RedisRateLimiter(client, limit))
    const address = { connection: { host: '127.0.0.1', port }, queue: 'limited', library: require('bullmq6') }
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
    const address = {
      connection: { host: '127.0.0.1', port: running.get(servers[0]).port },
      queue: 'two',
      library: require('bullmq6'),
    }
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

  it('takes the run of a process that died here at once, and of one that cannot be seen from here only when its claim lapses', async () => {
    const { port } = running.get(servers[0])
    const address = { connection: { host: '127.0.0.1', port }, queue: 'claims', library: require('bullmq6') }
    const admin = new (require('ioredis').Redis)({ host: '127.0.0.1', port })
    const serving = await serveTasks({ ...address, tasks: [url] })
    const run = (hooks) => execute(task(url, 'double'), numbers(50), { on: bullmq(address), hooks })
    let seen
    await run({ onChunk: () => (seen ??= admin.keys('amz:*:driver')) })
    const [key] = await seen
    const ended = spawn(process.execPath, ['-e', ''])
    await once(ended, 'close')
    const place = {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      namespace: readlinkSync('/proc/self/ns/pid'),
    }
    const claim = { host: hostname(), pid: ended.pid, ...place, started: '1', id: 'another' }
    const holdFor = (ms, changed) => admin.set(key, JSON.stringify({ ...claim, ...changed }), 'PX', ms)

    await holdFor(60_000, {})
    expect(await run()).toEqual(numbers(50).map((n) => 2 * n))
    for (const changed of [{ namespace: 'pid:[1]' }, { boot: 'another' }, { boot: undefined, namespace: undefined }]) {
      await holdFor(60_000, changed)
      await expect(run()).rejects.toThrow(`is driven by process ${ended.pid} on ${hostname()}`)
    }
    await admin.del(key)
    admin.disconnect()
    await serving.close()
  })

  it('names both versions where a worker has another one', async () => {
    const address = {
      connection: { host: '127.0.0.1', port: running.get(servers[0]).port },
      queue: 'versions',
      library: require('bullmq6'),
    }
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
  })

  it('says in one sentence what to start where no server is', async () => {
    const address = { connection: { host: '127.0.0.1', port: 1 }, queue: 'none', library: require('bullmq6') }
    const sentence =
      /^no Redis or Valkey answers at 127\.0\.0\.1:1 \(.*\): install and start one, such as Debian's redis-server or valkey-server$/
    await expect(execute(task(url, 'double'), [1], { on: bullmq(address) })).rejects.toThrow(sentence)
    await expect(serveTasks({ ...address, tasks: [url] })).rejects.toThrow(sentence)
  })

  describe('when processes die', () => {
    let processes
    afterEach(() => processes?.end())

    it.each(pairs)('fails alone the item that kills workers, with %s on %s', async (name, kind) => {
      const address = {
        connection: { host: '127.0.0.1', port: running.get(kind).port },
        queue: `deadly-${name}`,
        library: require(name),
      }
      processes = new WorkerProcesses({
        port: running.get(kind).port,
        queue: address.queue,
        library: name,
        tasks: [url.pathname],
      })
      await Promise.all([1, 2].map(() => processes.start({ again: true })))
      const outcomes = await execute(task(url, 'deadly'), numbers(40), { on: bullmq(address), onError: 'collect' })
      expect(outcomes[13]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_WORKER_CRASHED', item: 13 } })
      expect(outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)).toEqual(
        numbers(40).filter((n) => n !== 13),
      )
      // A copy of its first chunk, which was slow to come back, may be in hand.
      await expect.poll(() => jobsOf(address), { timeout: 20_000 }).toEqual({})
    })

    it.each(pairs)('gives each item one result while workers are killed, with %s on %s', async (name, kind) => {
      const { port } = running.get(kind)
      const address = { connection: { host: '127.0.0.1', port }, queue: `killed-${name}`, library: require(name) }
      processes = new WorkerProcesses({ port, queue: address.queue, library: name, tasks: [url.pathname] })
      await Promise.all([1, 2].map(() => processes.start({ again: true })))
      // In the middle of the run, however fast the machine is.
      let killAt = [1, 1600, 2800]
      let kills = 0
      const onProgress = ({ completed, total }) => {
        if (killAt.every((count) => count > completed) || completed === total) return
        killAt = killAt.filter((count) => count > completed)
        const { running: alive } = processes
        alive[kills++ % alive.length]?.kill('SIGKILL')
      }
      const options = { on: bullmq({ ...address, chunkMs: 200 }), onProgress }
      expect(await execute(task(url, 'slow'), numbers(4000), options)).toEqual(numbers(4000))
      expect(kills).toBeGreaterThan(0)
      await expect.poll(() => processes.deaths).toBeGreaterThan(0)
      // What a dead worker had in hand, and a copy of which was faster, is found when its lock has run out.
      await expect.poll(() => jobsOf(address), { timeout: 20_000 }).toEqual({})
    })

    it.each(pairs)(
      'leaves no job behind that has killed twice when its run is over, with %s on %s',
      async (name, kind) => {
        const { port } = running.get(kind)
        const address = { connection: { host: '127.0.0.1', port }, queue: `over-${name}`, library: require(name) }
        processes = new WorkerProcesses({ port, queue: address.queue, library: name, tasks: [url.pathname] })
        await processes.start({ again: true })
        const abort = new AbortController()
        const run = execute(task(url, 'deadly'), [13], { on: bullmq(address), signal: abort.signal })
        const failed = expect(run).rejects.toBe('enough')
        await expect.poll(() => processes.deaths, { timeout: 20_000 }).toBe(2)
        abort.abort('enough')
        await failed
        expect(await jobsOf(address)).toEqual({ active: 1 })
        await expect.poll(() => jobsOf(address), { timeout: 20_000 }).toEqual({})
      },
    )

    it.each(pairs)('goes on after its driver was killed, with %s on %s', async (name, kind) => {
      const { port } = running.get(kind)
      const queue = `driver-${name}`
      processes = new WorkerProcesses({ port, queue, library: name, tasks: [url.pathname] })
      await processes.start()
      const dir = mkdtempSync(join(folder, 'checkpoint-'))
      const drive = () =>
        spawn(process.execPath, [join(import.meta.dirname, 'support', 'drive.mjs')], {
          env: { ...process.env, PORT: port, QUEUE: queue, LIBRARY: name, DIR: dir },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
      const first = drive()
      for await (const line of createInterface({ input: first.stdout })) {
        if (Number(line) < 100) continue
        first.kill('SIGKILL')
        break
      }
      if (first.exitCode === null && first.signalCode === null) await once(first, 'close')
      const second = drive()
      const lines = []
      for await (const line of createInterface({ input: second.stdout })) lines.push(line)
      expect(Number(lines[0])).toBeGreaterThanOrEqual(0)
      expect(JSON.parse(lines.at(-1))).toEqual(numbers(600))
      await expectNoJobs({ connection: { host: '127.0.0.1', port }, queue, library: require(name) })
    })
  })
})
