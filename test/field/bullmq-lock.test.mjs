// What a worker does with a chunk whose lock is lost, so that another worker takes it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bulkhead, execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestServer } from '../support/redis-server.ts'
import { addressOf, numbers, pairs, require, servers, url } from './support/bullmq.mjs'

/** Their chunk of eight takes 2.4 s; the lock is renewed at least once in half a second. */
const ways = [
  ['in its thread', 'waited', () => ({ policy: bulkhead({ maxConcurrent: 1 }) })],
  ['in a worker thread', 'computed', () => ({ threads: 1 })],
]
const cases = pairs.flatMap(([name, kind]) => ways.map(([where, what, how]) => ({ name, kind, where, what, how })))

describe.skipIf(servers.length === 0)('a lock that is lost (needs redis-server or valkey-server)', () => {
  // The same for all: threads of the pool keep the environment they were started with.
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-lock-'))
  let server
  beforeEach(() => {
    process.env.BEGUN = join(folder, 'begun')
    writeFileSync(process.env.BEGUN, '')
  })
  afterEach(() => server[Symbol.asyncDispose]())
  afterAll(() => rmSync(folder, { recursive: true }))
  const begun = () => readFileSync(process.env.BEGUN, 'utf8').split('\n').slice(0, -1).map(Number)

  it.each(cases)('ends its chunk, which runs again, $where, with $name on $kind', async ({ name, kind, what, how }) => {
    server = await TestServer.start(kind)
    const address = addressOf(server, 'lock', name)
    const serving = await serveTasks({ ...address, tasks: [url], stallMs: 1000, ...how() })
    const run = execute(task(url, what), numbers(16), { on: bullmq({ ...address, windowChunks: 1 }) })
    await expect.poll(begun).toContain(0)
    const admin = new (require('ioredis').Redis)(address.connection)
    const [lock] = await admin.keys('bull:lock:*:lock')
    expect(await admin.del(lock)).toBe(1)
    admin.disconnect()
    expect(await run).toEqual(numbers(16))
    const order = begun()
    const again = order.lastIndexOf(0)
    expect(again).toBeGreaterThan(0)
    expect(order.slice(0, again)).not.toContain(7)
    expect(serving.stats().lost).toBe(1)
    await serving.close()
  })

  it.each(pairs)('has expired where the server does not answer, with %s on %s', async (name, kind) => {
    server = await TestServer.start(kind)
    const address = addressOf(server, 'lock', name)
    const policy = bulkhead({ maxConcurrent: 1 })
    const serving = await serveTasks({ ...address, tasks: [url], stallMs: 1000, policy })
    const run = execute(task(url, 'waited'), numbers(16), { on: bullmq({ ...address, windowChunks: 1 }) })
    await expect.poll(begun).toContain(0)
    process.kill(server.pid, 'SIGSTOP')
    await expect.poll(() => serving.stats().lost).toBe(1)
    expect(begun()).not.toContain(7)
    process.kill(server.pid, 'SIGCONT')
    expect(await run).toEqual(numbers(16))
    await serving.close()
  })
})
