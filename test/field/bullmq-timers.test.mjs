// Runs over BullMQ in a test whose timers stand still.
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TestServer } from '../support/redis-server.ts'
import { addressOf, servers, url } from './support/bullmq.mjs'

describe.skipIf(servers.length === 0)("Vitest's fake timers (needs redis-server or valkey-server)", () => {
  let server
  beforeEach(async () => {
    server = await TestServer.start(servers[0])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await server[Symbol.asyncDispose]()
  })

  it('do not keep a run from finding that nobody serves it', async () => {
    const on = bullmq({ ...addressOf(server, 'timers'), onNoWorkers: 'throw' })
    await expect(execute(task(url, 'double'), [1, 2], { on })).rejects.toMatchObject({ code: 'ERR_EXECUTION' })
  })

  it('do not keep one from its results, nor a worker from ending', async () => {
    const serving = await serveTasks({ ...addressOf(server, 'timers'), tasks: [url] })
    expect(await execute(task(url, 'double'), [1, 2], { on: bullmq(addressOf(server, 'timers')) })).toEqual([2, 4])
    await serving.close()
  })
})
