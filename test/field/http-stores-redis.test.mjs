// The limiters that people use, with our stores on a real Redis or Valkey: one limit for two servers that share no memory.
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { machineName } from '../support/machine.ts'
import { hasServer, TestServer } from '../support/redis-server.ts'
import { built, compile } from './support/compile.mjs'
import { scope } from './support/scope.mjs'

const require = createRequire(import.meta.url)
const kinds = ['redis', 'valkey'].filter(hasServer)
const limiters = ['express-rate-limit', '@fastify/rate-limit', 'hono-rate-limiter', '@nestjs/throttler']
let servers
beforeAll(async () => {
  await compile('http', 'http-stores-redis')
  ;({ servers } = await import(built('http-stores-redis/stores.js')))
})

describe.skipIf(kinds.length === 0)('limiters with our store and redis (needs redis-server or valkey-server)', () => {
  describe.each(kinds)('on %s', (kind) => {
    let server
    const rest = []
    beforeAll(async () => {
      server = await TestServer.start(kind)
    })
    afterAll(async () => {
      for (const end of rest.reverse()) await end()
      await server[Symbol.asyncDispose]()
    })
    const connect = () => {
      const client = new (require('ioredis').Redis)({ host: '127.0.0.1', port: server.port })
      client.on('error', () => undefined)
      rest.push(() => client.disconnect())
      return client
    }
    const start = async (limiter, options) => {
      const one = await servers[limiter]({ timeoutMs: 10_000, capacity: 1000, redis: connect(), ...options })
      rest.push(() => one.close())
      return one.origin
    }
    const statuses = async (...urls) => {
      const seen = []
      for (const url of urls) seen.push((await fetch(url)).status)
      return seen
    }

    it.each(limiters)(
      '%s admits the limit over two servers, tells what is left, and refuses the rest',
      async (limiter) => {
        for (const algorithm of ['window', 'bucket']) {
          const options = { name: machineName(), algorithm }
          const [one, two] = [await start(limiter, options), await start(limiter, options)]
          const { headers } = await fetch(one)
          expect(
            [...headers].some(([name, value]) => /remaining/.test(name) && value === '1'),
            algorithm,
          ).toBe(true)
          expect(await statuses(two, one, two)).toEqual([200, 429, 429])
          const refused = await fetch(one)
          const retryAfter = Number(refused.headers.get('retry-after'))
          expect(retryAfter).toBeGreaterThan(0)
          expect(retryAfter).toBeLessThanOrEqual(60)
        }
      },
    )

    it.each(limiters)(
      "%s answers as with any store that fails, onUnavailable: 'closed', and goes on here by default",
      async (limiter) => {
        const away = { send: () => Promise.reject(new Error('connect ECONNREFUSED')) }
        const closed = await start(limiter, { name: machineName(), redis: away, onUnavailable: 'closed' })
        expect(await statuses(closed)).toEqual([500])
        const local = { name: machineName(), redis: away }
        const [one, two] = [await start(limiter, local), await start(limiter, local)]
        // Two stores of one name meet in shared memory of the machine. Without the addon each counts for itself.
        const later = scope === 'machine' ? 429 : 200
        expect(await statuses(one, two, one, two)).toEqual([200, 200, later, later])
        expect(await statuses(one, two)).toEqual([429, 429])
      },
    )
  })
})
