import { once } from 'node:events'
import { connect } from 'node:net'
import { expressStore } from 'amorsize/http'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, compile } from './support/compile.mjs'
import { scope } from './support/scope.mjs'

let servers
beforeAll(async () => {
  await compile('http', 'http-stores')
  ;({ servers } = await import(built('http-stores/stores.js')))
})

describe.each(['express-rate-limit', '@fastify/rate-limit', 'hono-rate-limiter', '@nestjs/throttler'])(
  '%s with our store',
  (name) => {
    const running = []
    const start = async (options) => {
      running.push(await servers[name](options))
      return running.at(-1).origin
    }
    const statuses = async (...urls) => {
      const seen = []
      for (const url of urls) seen.push((await fetch(url)).status)
      return seen
    }
    afterAll(() => Promise.all(running.map(({ close }) => close())))

    it('admits the limit and refuses the rest', async () => {
      const origin = await start({})
      expect(await statuses(origin, origin, origin)).toEqual([200, 200, 429])
    })

    it("counts together in two servers of one name, also with algorithm 'bucket'", async () => {
      for (const algorithm of ['window', 'bucket']) {
        const options = { name: `amorsize-field/${process.pid}/${name}/${algorithm}`, algorithm, scope, capacity: 1000 }
        const [one, two] = [await start(options), await start(options)]
        expect(await statuses(one, two, one, two)).toEqual([200, 200, 429, 429])
      }
    })
  },
)

describe('@fastify/rate-limit with our store', () => {
  it('counts a route with limits of its own apart', async () => {
    const { origin, close } = await servers['@fastify/rate-limit']({})
    const seen = []
    for (const path of ['/other', '/other', '/', '/']) seen.push((await fetch(origin + path)).status)
    expect(seen).toEqual([200, 429, 200, 200])
    await close()
  })
})

it('express-rate-limit with our store counts what is cut after its status, where it skips what was successful', async () => {
  const app = express()
  const options = { windowMs: 60_000, limit: 5, skipSuccessfulRequests: true, store: expressStore(), validate: false }
  app.use(rateLimit(options), (_, response) => response.writeHead(401).write('n'))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const statuses = []
  for (let n = 0; n < 8; n++) {
    const socket = connect(server.address().port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const [head] = await once(socket, 'data')
    socket.destroy()
    statuses.push(Number(head.toString().slice(9, 12)))
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
  await new Promise((resolve) => server.close(resolve))
})
