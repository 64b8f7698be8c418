// Settings of a program, by libraries that read and check them, given to its limiters and policies when their file changes.
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { bulkhead, circuitBreaker, execute, RateLimiter, retry, task, timeout } from 'amorsize'
import { watch } from 'chokidar'
import convict from 'convict'
import express from 'express'
import { Agent, interceptors, request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let folder
let file
const toEnd = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'amorsize-field-'))
  file = join(folder, 'default.json')
})
afterEach(async () => {
  for (const end of toEnd.splice(0)) await end()
  rmSync(folder, { recursive: true })
})

/** As editors and deployments do it: the file is another one from one moment to the next. */
function put(settings) {
  const next = join(folder, 'next')
  writeFileSync(next, typeof settings === 'string' ? settings : JSON.stringify(settings))
  renameSync(next, file)
}

const makeLimits = () => ({
  api: new RateLimiter({ requestsPerSecond: 0.001, burstSize: 100, waitOnLimit: false }),
  database: bulkhead({ maxConcurrent: 10, maxQueue: 100 }),
  payments: circuitBreaker({ window: { calls: 10, minimumCalls: 10, failureRate: 0.5 } }),
  again: retry({ maxRetries: 3, initialDelayMs: 1, jitter: 'none' }),
  slow: timeout(5000),
})

/** One after the other; the first that is refused ends it. */
function update(limits, changes) {
  for (const [name, change] of Object.entries(changes)) limits[name].update(change)
}

/** The schema of a program. What has no default stays as it is. */
const schema = {
  env: { format: ['production', 'test'], default: 'test', env: 'NODE_ENV' },
  limits: {
    api: { requestsPerSecond: { format: Number, default: undefined }, burstSize: { format: 'nat', default: 100 } },
    database: { maxConcurrent: { format: 'nat', default: 10 }, maxQueue: { format: 'nat', default: 100 } },
    payments: {
      window: { failureRate: { format: Number, default: 0.5 } },
      resetTimeoutMs: { format: 'nat', default: 30_000 },
    },
    again: { maxRetries: { format: 'int', default: 3 } },
    slow: { format: 'nat', default: 5000 },
  },
}

describe('convict and chokidar', () => {
  it('hand over what is right, and what is wrong changes nothing of the one that refuses it', async () => {
    const limits = makeLimits()
    const told = []
    const load = () => {
      try {
        const settings = convict(schema).loadFile(file).validate({ allowed: 'strict' })
        update(limits, settings.get('limits'))
        told.push('used')
      } catch (error) {
        told.push(error.message)
      }
    }
    put({})
    const watcher = watch(folder, { ignoreInitial: true }).on('all', (event, path) => path === file && load())
    toEnd.push(() => watcher.close())
    await once(watcher, 'ready')
    /** What became of the next change of the file. */
    const after = async (settings) => {
      // chokidar tells of one change in 50 milliseconds.
      await delay(100)
      told.length = 0
      put(settings)
      while (told.length === 0) await delay(5)
      return told[0]
    }

    expect(await after({ limits: { api: { burstSize: 3 }, database: { maxConcurrent: 2 }, slow: 50 } })).toBe('used')
    const { api, database, slow } = limits
    expect(Array.from({ length: 6 }, () => api.tryAcquire())).toEqual([true, true, true, false, false, false])
    expect([database.maxConcurrent, database.maxQueue]).toEqual([2, 100])
    await expect(slow.execute(() => delay(60_000, 0, { ref: false }))).rejects.toMatchObject({
      code: 'ERR_TIMEOUT_EXCEEDED',
      timeoutMs: 50,
    })

    // Found by JSON, by convict, and by us.
    expect(await after('{ "limits": ')).toMatch(/JSON/)
    expect(await after({ limits: { slow: 'soon' } })).toMatch(/limits\.slow: must be a positive integer/)
    expect(await after({ limits: { database: { maxConcurrent: 0, maxQueue: 5 } } })).toMatch(/^maxConcurrent must be/)
    expect([database.maxConcurrent, database.maxQueue]).toEqual([2, 100])
    const kept = { api: { burstSize: 3 }, database: { maxConcurrent: 2 } }
    expect(await after({ limits: { ...kept, payments: { window: { failureRate: 50 } } } })).toBe(
      'window.failureRate must be a finite number > 0 and <= 1; received 50 (number)',
    )
    expect(await after({ limits: { ...kept, slow: 0 } })).toBe(
      'timeoutMs must be a finite number > 0, or Infinity; received 0 (number)',
    )
    expect(inspect(slow)).toContain('timeoutMs: 50,')

    // Back to what is in the schema.
    expect(await after({})).toBe('used')
    expect([database.maxConcurrent, api.policy.burstSize, api.policy.requestsPerSecond]).toEqual([10, 100, 0.001])
    expect(inspect(slow)).toContain('timeoutMs: 5000,')
  })
})

describe('node-config', () => {
  it('has settings that nobody can write to, which make and change policies, those of workers too', async () => {
    put({
      limits: {
        api: { burstSize: 30 },
        database: { maxConcurrent: 1 },
        payments: { window: { failureRate: 0.25 } },
        again: { maxRetries: 1 },
      },
      breaker: { window: { calls: 20, failureRate: 0.5 }, halfOpen: { calls: 4 }, resetTimeoutMs: 100 },
      delays: [1, 2],
    })
    Object.assign(process.env, { NODE_CONFIG_DIR: folder, SUPPRESS_STRICTNESS_CHECK: '1' })
    const { default: config } = await import('config')
    const limits = makeLimits()
    update(limits, config.get('limits'))
    const policies = [
      retry({ maxRetries: 2, delay: config.get('delays') }),
      circuitBreaker(config.get('breaker')),
      limits.api,
      limits.database,
    ]
    const kindOf = task(new URL('./tasks/files.mjs', import.meta.url), 'kindOf')
    const items = Array.from({ length: 30 }, (_, n) => n)
    const arrived = await execute(kindOf, items, { mode: 'threads', workers: 2, mainThread: false, policies })
    expect(arrived.map(({ isMainThread }) => isMainThread)).toEqual(Array(30).fill(false))
    expect(limits.api.tryAcquire()).toBe(false)

    // Read anew, as by a program that is not to be started again.
    const reload = () => update(limits, config.util.loadFileConfigs(folder).limits)
    put({ limits: { database: { maxConcurrent: 0, maxQueue: 5 } } })
    expect(reload).toThrow(/^maxConcurrent must be/)
    expect([limits.database.maxConcurrent, limits.database.maxQueue]).toEqual([1, 100])
    put({ limits: { api: { burstSize: 9 }, database: { maxConcurrent: 3 } } })
    reload()
    expect([limits.api.policy.burstSize, limits.database.maxConcurrent]).toEqual([9, 3])
  })
})

describe('undici and Express', () => {
  it('a breaker learns while calls are under way that slow ones count, and forgets it again', async () => {
    const app = express()
    const waiting = []
    let asked = 0
    app.get('/held', (incoming, response) => void waiting.push(() => response.send('held')))
    app.get('/', (incoming, response) => {
      asked++
      setTimeout(() => response.send('here'), 20)
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const dispatcher = new Agent().compose(interceptors.retry({ maxRetries: 1, minTimeout: 1 }))
    toEnd.push(async () => {
      await dispatcher.destroy()
      server.closeAllConnections()
      server.close()
    })
    const breaker = circuitBreaker({
      window: { calls: 10, minimumCalls: 10 },
      resetTimeoutMs: 60_000,
      successThreshold: 1,
    })
    const ask = breaker.wrap(async (path) => {
      const { body } = await request(`http://127.0.0.1:${server.address().port}${path}`, { dispatcher })
      return body.text()
    })

    const held = Array.from({ length: 10 }, () => ask('/held'))
    while (waiting.length < 10) await delay(2)
    breaker.update({ window: { slowCallMs: 15, slowRate: 1 } })
    for (const answer of waiting) answer()
    expect(await Promise.all(held)).toEqual(Array(10).fill('held'))
    // They began under other rules.
    expect(breaker.state).toBe('closed')
    for (let call = 0; call < 10; call++) expect([breaker.state, await ask('/')]).toEqual(['closed', 'here'])
    expect(breaker.state).toBe('open')
    await expect(ask('/')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    expect([asked, breaker.stats().slow]).toEqual([10, 10])

    breaker.update({ window: { slowCallMs: Infinity }, resetTimeoutMs: 1 })
    while (breaker.state !== 'half-open') await delay(1)
    for (let call = 0; call < 20; call++) expect(await ask('/')).toBe('here')
    expect([breaker.state, asked, breaker.stats().slow]).toEqual(['closed', 30, 10])
  })
})
