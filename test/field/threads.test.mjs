// Items that wait, in worker threads: with the clients that people use, several under way in each, also under policies.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { threadId } from 'node:worker_threads'
import {
  bulkhead,
  CircuitOpenError,
  circuitBreaker,
  execute,
  RateLimiter,
  rateLimit,
  retry,
  stream,
  task,
  timeout,
  TimeoutExceededError,
} from 'amorsize'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasServer, TestServer } from '../support/redis-server.ts'
import { gatheringServer } from './support/gathering-server.mjs'

const workers = 2
/** Most items under way in both workers together. */
const concurrency = 32
const inWorkers = { mode: 'threads', workers, concurrency, mainThread: false }
const named = (name, module = 'requests') => task(new URL(`./tasks/${module}.mjs`, import.meta.url), name)
const hashOf = (text) => createHash('sha256').update(text).digest('hex')
const paths = (count) => Array.from({ length: count }, (_, n) => `/${n}`)
const patient = () => retry({ maxRetries: 2, initialDelayMs: 1 })
const servers = ['redis', 'valkey'].filter(hasServer)
/** Until the end of the test. */
async function until(starting) {
  const server = await starting
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}
const serve = (options) => until(gatheringServer(options))
const started = (kind) => until(TestServer.start(kind))
const clients = ['withUndici', 'withFetch', 'axiosTask', 'gotTask', 'kyTask']

const unhandled = []
const note = (error) => unhandled.push(error)
let folder
beforeAll(() => {
  process.on('unhandledRejection', note)
  folder = mkdtempSync(join(tmpdir(), 'amorsize-threads-'))
})
afterEach(() => expect(unhandled.splice(0)).toEqual([]))
afterAll(() => {
  process.off('unhandledRejection', note)
  rmSync(folder, { recursive: true, force: true })
})

describe.each(clients)('%s in workers', (client) => {
  it.each([
    ['alone', {}],
    ['with a time limit', { timeoutMs: 60_000 }],
    ['under policies', { policies: [patient(), bulkhead({ maxConcurrent: 20 })], timeoutMs: 60_000 }],
  ])('asks several things at once, and gives the answers in order, %s', async (_, options) => {
    const server = await serve({ gathers: workers + 1 })
    const items = paths(60).map((path) => ({ origin: server.origin, path }))
    const answers = await execute(named(client), items, { ...inWorkers, ...options })
    expect(answers.map(({ path }) => path)).toEqual(paths(60))
    expect(answers.map(({ hash }) => hash)).toEqual(paths(60).map((path) => hashOf(`text of ${path}`)))
    expect(answers.map(({ threadId: of }) => of)).not.toContain(threadId)
    expect(server.seen.most).toBeGreaterThan(workers)
    expect(server.seen.total).toBe(60)
    expect(server.seen.most).toBeLessThanOrEqual(concurrency)
    // A connection is used again.
    if (client === 'axiosTask' || client === 'gotTask')
      expect(server.seen.sockets.size).toBeLessThanOrEqual(concurrency)
  })

  it('asks no more at once than there are workers, unless it is said how many may be', async () => {
    const server = await serve()
    const items = paths(60).map((path) => ({ origin: server.origin, path }))
    await execute(named(client), items, { mode: 'threads', workers: 3 })
    expect(server.seen.most).toBeLessThanOrEqual(3)
  })
})

describe('policies over the items of several workers', () => {
  it('stay away for as long as a server says, whatever its client throws', async () => {
    const server = await serve({ statusOf: (path, hits) => (path.endsWith('7') && hits === 1 ? 429 : 200) })
    const policies = [patient()]
    const runs = clients.map(async (client) => {
      const pages = paths(10).map((path) => `/${client}${path}`)
      const items = pages.map((path) => ({ origin: server.origin, path }))
      const answers = await execute(named(client), items, { ...inWorkers, policies })
      expect(answers.map(({ path }) => path)).toEqual(pages)
    })
    await Promise.all(runs)
    expect(server.seen.total).toBe(11 * clients.length)
    for (const client of clients) {
      const [first, second] = server.seen.askedMs.get(`/${client}/7`)
      expect(second - first).toBeGreaterThan(990)
    }
  })

  it('keep a rate over all threads', async () => {
    const server = await serve()
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 5 })
    const items = paths(40).map((path) => ({ origin: server.origin, path }))
    const startMs = performance.now()
    const run = execute(named('withUndici'), items, {
      ...inWorkers,
      policies: [patient(), rateLimit(limiter), timeout(60_000)],
    })
    const here = Promise.all(Array.from({ length: 20 }, () => limiter.acquire()))
    expect((await run).map(({ path }) => path)).toEqual(paths(40))
    await here
    // 60 tokens, less a burst.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(545)
    expect(server.seen.total).toBe(40)
  })

  it('give no more than the places there are', async () => {
    const server = await serve({ gathers: 3 })
    const items = paths(60).map((path) => ({ origin: server.origin, path }))
    const policies = [patient(), bulkhead({ maxConcurrent: 3 })]
    const answers = await execute(named('axiosTask'), items, { ...inWorkers, policies, timeoutMs: 60_000 })
    expect(answers.map(({ path }) => path)).toEqual(paths(60))
    expect(server.seen.most).toBe(3)
  })

  it('ask a server no more that only fails', async () => {
    const server = await serve({ statusOf: () => 500 })
    const breaker = circuitBreaker({ failureThreshold: 3 })
    const items = paths(60).map((path) => ({ origin: server.origin, path }))
    const results = await execute(named('gotTask'), items, {
      ...inWorkers,
      policies: [breaker, timeout(60_000)],
      onError: 'collect',
    })
    const reasons = results.map(({ reason }) => reason)
    expect(reasons.filter((reason) => !CircuitOpenError.is(reason) && reason.name !== 'HTTPError')).toEqual([])
    expect(breaker.state).toBe('open')
    // One under way in the other worker as the third failed.
    expect(server.seen.total).toBeLessThanOrEqual(4)
    expect(reasons.filter((reason) => CircuitOpenError.is(reason))).toHaveLength(60 - server.seen.total)
  })
})

describe('a run of items that wait', () => {
  it('gives up those that are never answered, and no others', async () => {
    const silent = ['/9', '/10']
    const server = await serve({ statusOf: (path) => (silent.includes(path) ? undefined : 200) })
    const items = paths(40).map((path) => ({ origin: server.origin, path }))
    const results = await execute(named('kyTask'), items, { ...inWorkers, timeoutMs: 2000, onError: 'collect' })
    expect(results.map(({ value, reason }) => value?.path ?? TimeoutExceededError.is(reason))).toEqual(
      paths(40).map((path) => (silent.includes(path) ? true : path)),
    )
  })

  it('survives the worker in which they wait', async () => {
    const server = await serve()
    const items = paths(60).map((path, n) => ({ origin: server.origin, path, isDeadly: n % 20 === 10 }))
    const results = await execute(named('deadlyOnce', 'deadly'), items, { ...inWorkers, policies: [patient()] })
    expect(results).toEqual(paths(60))
  })

  it('goes on where it failed, and asks for nothing twice that it has', async () => {
    let isDown = true
    const server = await serve({ statusOf: (path) => (isDown && path === '/70' ? 500 : 200) })
    const items = paths(100).map((path) => ({ origin: server.origin, path }))
    const options = { ...inWorkers, policies: [timeout(60_000)], checkpoint: { dir: join(folder, 'checkpoint') } }
    await expect(execute(named('axiosTask'), items, options)).rejects.toMatchObject({ name: 'AxiosError' })
    isDown = false
    const answers = await execute(named('axiosTask'), items, options)
    expect(answers.map(({ path }) => path)).toEqual(paths(100))
    const { total } = server.seen
    // Once more what its workers were at.
    expect(total).toBeLessThan(200)
    expect(await execute(named('axiosTask'), items, options)).toEqual(answers)
    expect(server.seen.total).toBe(total)
  })

  it('keeps the context and the limits of each, by stream', async () => {
    const server = await serve()
    const results = []
    const source = paths(30).map((path) => ({ origin: server.origin, path }))
    for await (const result of stream(named('parts'), source, { ...inWorkers, policies: [patient()] }))
      results.push(result)
    expect(results).toEqual(
      paths(30).map((path) => ({ stores: [path, path, path], paths: [0, 1, 2].map((part) => `${path}/${part}`) })),
    )
    expect(server.seen.most).toBeLessThanOrEqual(3 * workers)
  })

  it('writes what it logs once, from all threads', async () => {
    const server = await serve()
    const file = join(folder, 'log.ndjson')
    const items = paths(60).map((path) => ({ origin: server.origin, path, file }))
    expect(await execute(named('logged'), items, inWorkers)).toEqual(paths(60))
    const lines = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ path }) => path).sort()).toEqual(paths(60).sort())
  })
})

it.each(servers)('items that keep count in %s-server do so once each', async (kind) => {
  const server = await started(kind)
  const { Redis } = await import('ioredis')
  const client = new Redis(server.port, '127.0.0.1')
  for (const library of ['ioredis', 'iovalkey']) {
    const items = Array.from({ length: 100 }, (_, n) => ({ kind: library, port: server.port, n }))
    const run = execute(named('counted'), items, {
      ...inWorkers,
      policies: [patient(), bulkhead({ maxConcurrent: 10 })],
    })
    expect(await run).toEqual(items.map(({ n }) => n * n))
    expect(await client.get(`${library}:count`)).toBe('100')
  }
  client.disconnect()
})

it('a program ends whose workers keep connections open', async () => {
  const server = await serve()
  const redis = servers.length > 0 ? await started(servers[0]) : undefined
  const env = { ...process.env, ORIGIN: server.origin, ...(redis === undefined ? {} : { PORT: String(redis.port) }) }
  const program = join(import.meta.dirname, 'support', 'threads-program.mjs')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { env, timeout: 60_000 })
  expect(stdout).toBe(`${redis === undefined ? 120 : 160}\n`)
  expect(stderr).toBe('')
})
