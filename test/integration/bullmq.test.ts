import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, type ExpectPollOptions } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.js'
import { amorsize, main, runNode } from './support/command-line.js'

const url = new URL('../fixtures/tasks/elsewhere.mjs', import.meta.url)
/** As long as a loaded machine takes; nothing is proved by it. */
const patient: ExpectPollOptions = { timeout: 20_000 }
const [kind] = (['redis', 'valkey'] as const).filter(hasServer)

describe('the address of a server', () => {
  it.concurrent.each([
    'redis://amy:s3cret@127.0.0.1:1',
    'redis://127.0.0.1:1/0?username=amy&password=s3cret',
    'amy:s3cret@127.0.0.1:1',
  ])(
    'is told without user and password: %s',
    async (address) => {
      const given = { connection: { url: address }, queue: 'q' }
      const errors = await Promise.all([
        serveTasks({ ...given, tasks: [url] }).then(String, String),
        execute(task(url, 'double'), [1], { on: bullmq(given) }).then(String, String),
      ])
      for (const error of errors) {
        expect(error).toMatch(/no Redis or Valkey answers at (redis:\/\/127\.0\.0\.1:1 |the given URL )/)
        expect(error).not.toMatch(/s3|cret|amy/)
      }
    },
    20_000,
  )

  it.concurrent.each([
    ['a client', '127.0.0.1:1', () => new Redis({ host: '127.0.0.1', port: 1, maxRetriesPerRequest: null })],
    [
      'a cluster',
      'the given servers',
      () =>
        new Cluster([
          { host: '127.0.0.1', port: 1 },
          { host: '127.0.0.1', port: 2 },
        ]),
    ],
  ])(
    'is told of %s of ioredis: %s',
    async (_, address, make) => {
      const connection = make()
      connection.on('error', () => undefined)
      const error = await serveTasks({ connection, queue: '{q}', tasks: [url] }).then(String, String)
      expect(error).toContain(`no Redis or Valkey answers at ${address} `)
      connection.disconnect()
    },
    20_000,
  )

  it.skipIf(kind === undefined)(
    'is told with what it refuses a login for, and without the password (needs redis-server or valkey-server)',
    async () => {
      await using server = await TestServer.start(kind!, ['--requirepass', 'right'])
      const given = { connection: { host: '127.0.0.1', port: server.port, password: 's3cret' }, queue: 'q' }
      const errors = await Promise.all([
        serveTasks({ ...given, tasks: [url] }).then(String, (error: unknown) => error),
        execute(task(url, 'double'), [1], { on: bullmq(given) }).then(String, (error: unknown) => error),
      ])
      for (const error of errors) {
        expect(error).toMatchObject({ message: expect.stringMatching(/refuses the connection: WRONGPASS/) as string })
        expect(inspect(error, { depth: 10 })).not.toContain('s3cret')
      }
    },
    20_000,
  )

  it.skipIf(kind === undefined)(
    'is told by amorsize worker without user and password (needs redis-server or valkey-server)',
    async () => {
      await using server = await TestServer.start(kind!, ['--requirepass', 's3cret'])
      const address = `redis://default:s3cret@127.0.0.1:${server.port}`
      const child = spawn(process.execPath, [main, 'worker', fileURLToPath(url), '--queue', 'q'], {
        env: { ...process.env, REDIS_URL: address },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const [text] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string]
      child.kill('SIGTERM')
      await once(child, 'close')
      expect(text).toContain(`from the queue q at redis://127.0.0.1:${server.port}\n`)
    },
    20_000,
  )
})

it.skipIf(kind === undefined)(
  'amorsize worker refuses a queue that holds jobs of others (needs redis-server or valkey-server)',
  async () => {
    await using server = await TestServer.start(kind!)
    const queue = new Queue('q', { connection: { host: '127.0.0.1', port: server.port } })
    await queue.add('mail', { to: 'amy' })
    const address = `redis://127.0.0.1:${server.port}`
    const { code, stderr } = await amorsize(['worker', fileURLToPath(url), '--queue', 'q', '--redis', address])
    expect(stderr).toContain('the queue q holds jobs that are no chunks of this version, such as "mail" (1)')
    expect([code, await queue.getWaitingCount()]).toEqual([1, 1])
    await queue.close()
  },
  30_000,
)

/** A worker that hears that a run is over when its chunk is done, and not before, however slow the machine is. */
class LateToHear extends Worker {
  #isDone = false

  constructor(...given: ConstructorParameters<typeof Worker>) {
    super(...given)
    this.once('completed', () => (this.#isDone = true))
  }

  /** Where Amorsize asks whether a run is over. */
  get client(): Promise<object> {
    return this.#clientOf()
  }

  async #clientOf(): Promise<object> {
    const client = await (this.getBackend() as unknown as { readonly client: Promise<Asked> }).client
    return {
      defineCommand: (...given: Parameters<Asked['defineCommand']>) => client.defineCommand(...given),
      runCommand: (...given: Parameters<Asked['runCommand']>) =>
        this.#isDone ? client.runCommand(...given) : Promise.resolve(''),
    }
  }
}

interface Asked {
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void
  runCommand(name: string, args: unknown[]): Promise<unknown>
}

/** A run that no worker serves, and that is aborted when the server refuses all that would be written. */
const aborted = (port: number): string => `
  import { execute, task } from 'amorsize'
  import { bullmq } from 'amorsize/bullmq'
  import { Redis } from 'ioredis'
  const connection = { host: '127.0.0.1', port: ${port} }
  const admin = new Redis(connection)
  const abort = new AbortController()
  const options = { on: bullmq({ connection, queue: 'q' }), signal: abort.signal }
  const run = execute(task(new URL(${JSON.stringify(url.href)}), 'double'), [1], options).catch(String)
  while ((await admin.llen('bull:q:wait')) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await admin.config('SET', 'maxmemory', '1')
  abort.abort('enough')
  process.stdout.write(await run)
  admin.disconnect()`

describe.skipIf(kind === undefined)('a run over BullMQ (needs redis-server or valkey-server)', () => {
  it('keeps no process that runs on when its end cannot be told', async () => {
    await using server = await TestServer.start(kind!)
    const { code, stdout, stderr } = await runNode(['--input-type=module', '-e', aborted(server.port)])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'enough' })
    expect(stderr).toContain('AMORSIZE_RUN_NOT_CLEARED')
  }, 30_000)

  it('ends what a worker has in hand of a driver that has died', async () => {
    await using server = await TestServer.start(kind!)
    const given = { connection: { host: '127.0.0.1', port: server.port }, queue: 'q' }
    const queue = new Queue<{ readonly task: object }>('q', given)
    const run = (signal?: AbortSignal): Promise<number[]> =>
      execute(task<number, number>(url, 'double'), [1], { on: bullmq(given), ...(signal && { signal }) })
    const abort = new AbortController()
    const first = run(abort.signal).catch(String)
    await expect.poll(() => queue.getWaitingCount(), patient).toBe(1)
    const [job] = await queue.getWaiting()
    abort.abort('enough')
    await first
    const admin = new Redis(given.connection)
    await admin.flushall()
    admin.disconnect()
    // As a chunk of a run that was killed, which never comes to its end.
    const data = { ...job!.data, task: { ...job!.data.task, export: 'stuck' } }
    await queue.add('chunk', data, { jobId: `${job!.id}-left` })
    const options = { ...given, tasks: [url] }
    await using busy = await serveTasks(options)
    await expect.poll(() => queue.getActiveCount(), patient).toBe(1)
    await using idle = await serveTasks(options)
    expect(await run()).toEqual([2])
    await expect
      .poll(() => queue.getJobCounts('active', 'completed', 'failed'), patient)
      .toEqual({ active: 0, completed: 0, failed: 0 })
    expect([busy.stats().done, idle.stats().done]).toEqual([0, 1])
    await queue.close()
  }, 30_000)

  it('leaves no chunk behind that is done after it was aborted', async () => {
    await using server = await TestServer.start(kind!)
    const given = { connection: { host: '127.0.0.1', port: server.port }, queue: 'q' }
    const queue = new Queue('q', given)
    const library = { Queue, QueueEvents, Worker: LateToHear }
    await using serving = await serveTasks({ ...given, tasks: [url], library })
    const abort = new AbortController()
    // It is done by its time limit.
    const options = { on: bullmq(given), signal: abort.signal, timeoutMs: 400, onError: 'collect' } as const
    const run = execute(task<number, number>(url, 'stuck'), [1], options).catch(String)
    await expect.poll(() => queue.getActiveCount(), patient).toBe(1)
    abort.abort('enough')
    expect(await run).toBe('enough')
    await expect.poll(() => serving.stats().done, patient).toBe(1)
    await expect.poll(() => queue.getCompletedCount(), patient).toBe(0)
    await queue.close()
  }, 30_000)

  it('leaves it as it is once another driver has it', async () => {
    await using server = await TestServer.start(kind!)
    const given = { connection: { host: '127.0.0.1', port: server.port }, queue: 'q' }
    const queue = new Queue('q', given)
    const run = execute(task<number, number>(url, 'double'), [1], { on: bullmq(given) }).catch(String)
    await expect.poll(() => queue.getWaitingCount(), patient).toBe(1)
    const [job] = await queue.getWaiting()
    const id = job!.id!.split('-')[1]!
    const admin = new Redis(given.connection)
    // As by a driver that began while this process was stopped for longer than its claim lasts.
    await admin.set(`amz:{${id}}:driver`, JSON.stringify({ host: 'other', pid: 7 }))
    expect(await run).toContain('is driven by process 7 on other')
    expect(await queue.getWaitingCount()).toBe(1)
    expect(await admin.keys('amz:*')).toEqual([`amz:{${id}}:driver`])
    admin.disconnect()
    await queue.close()
  }, 30_000)
})
