// Runs over BullMQ in a test whose timers stand still.
import { createRequire } from 'node:module'
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.ts'

const url = new URL('./tasks/machines.mjs', import.meta.url)
const [kind] = ['redis', 'valkey'].filter(hasServer)
const library = createRequire(import.meta.url)('bullmq6')

describe.skipIf(kind === undefined)("Vitest's fake timers (needs redis-server or valkey-server)", () => {
  let server
  beforeEach(async () => {
    server = await TestServer.start(kind)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await server[Symbol.asyncDispose]()
  })
  const address = () => ({ connection: { host: '127.0.0.1', port: server.port }, queue: 'timers', library })

  it('do not keep a run from finding that nobody serves it', async () => {
    const on = bullmq({ ...address(), onNoWorkers: 'throw' })
    await expect(execute(task(url, 'double'), [1, 2], { on })).rejects.toMatchObject({ code: 'ERR_EXECUTION' })
  })

  it('do not keep one from its results, nor a worker from ending', async () => {
    const serving = await serveTasks({ ...address(), tasks: [url] })
    expect(await execute(task(url, 'double'), [1, 2], { on: bullmq(address()) })).toEqual([2, 4])
    await serving.close()
  })
})
