// docs/http/migration.md: each limiter beside what its table puts in its place, asked the same, must answer the same.
import { once } from 'node:events'
import { createServer } from 'node:http'
import fastifyRateLimit from '@fastify/rate-limit'
import { createAdaptorServer } from '@hono/node-server'
import { connectLimit, fastifyLimit, honoLimit } from 'amorsize/http'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { rateLimiter } from 'hono-rate-limiter'
import { afterAll, describe, expect, it } from 'vitest'

const windowMs = 60_000
const closing = []
afterAll(() => Promise.all(closing.map((close) => close())))

async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return `http://127.0.0.1:${server.address().port}`
}

/** GET / answers 200, GET /fail 401, GET /health 200. */
const makers = {
  express(middleware) {
    const app = express().use(middleware)
    app.get('/', (_, response) => response.send('ok'))
    app.get('/fail', (_, response) => response.sendStatus(401))
    app.get('/health', (_, response) => response.send('ok'))
    return listen(createServer(app))
  },
  async fastify(plugin, options, route = {}) {
    const app = fastify()
    await app.register(plugin, options)
    app.get('/', () => 'ok')
    app.get('/fail', (_, reply) => reply.code(401).send())
    app.get('/health', route, () => 'ok')
    await app.ready()
    closing.push(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
  hono(middleware) {
    const app = new Hono().use(middleware)
    app.get('/', (context) => context.text('ok'))
    app.get('/fail', (context) => context.body(null, 401))
    app.get('/health', (context) => context.text('ok'))
    return listen(createAdaptorServer(app))
  },
}

/** What a server answers to a list of `path user`, one after the other. */
async function statuses(origin, requests) {
  const seen = []
  for (const each of requests) {
    const [path, user = 'a'] = each.split(' ')
    const response = await fetch(origin + path, { headers: { 'x-user': user } })
    await response.text()
    seen.push(response.status)
  }
  return seen
}

/** Asks both, and returns what both answered. */
async function same([theirs, ours], requests) {
  const answers = [await statuses(theirs, requests), await statuses(ours, requests)]
  expect(answers[1]).toEqual(answers[0])
  return answers[0]
}

const limits = { minute: { max: 2, windowMs } }
const user = (request) => request.headers['x-user']
const honoUser = (context) => context.req.header('x-user') ?? ''
const both = (one, other) => Promise.all([one, other])

describe('express-rate-limit', () => {
  const pair = (theirs, ours) =>
    both(
      makers.express(rateLimit({ windowMs, limit: 2, ...theirs })),
      makers.express(connectLimit({ limits, ...ours })),
    )

  it('limit, windowMs and keyGenerator are max, windowMs and key', async () => {
    const servers = await pair({ keyGenerator: user }, { key: user })
    expect(await same(servers, ['/ a', '/ a', '/ a', '/ b', '/ a', '/ b', '/ b'])).toEqual([
      200, 200, 429, 200, 429, 200, 429,
    ])
  })

  it('without a key both go by the address', async () => {
    expect(await same(await pair({}, {}), ['/ a', '/ b', '/ c'])).toEqual([200, 200, 429])
  })

  it('a limit that is a function is a max that is one', async () => {
    const plan = (request) => (user(request) === 'pro' ? 3 : 1)
    const servers = await pair(
      { limit: plan, keyGenerator: user },
      { limits: { minute: { max: plan, windowMs } }, key: user },
    )
    expect(await same(servers, ['/ pro', '/ pro', '/ pro', '/ pro', '/ a', '/ a'])).toEqual([
      200, 200, 200, 429, 200, 429,
    ])
  })

  it('skip is skip, and statusCode is statusCode', async () => {
    const skip = (request) => request.url === '/health'
    const servers = await pair({ skip, statusCode: 420 }, { skip, statusCode: 420 })
    expect(await same(servers, ['/health', '/health', '/health', '/', '/', '/'])).toEqual([
      200, 200, 200, 200, 200, 420,
    ])
  })

  it('skipSuccessfulRequests and skipFailedRequests are countIf', async () => {
    const failures = await pair({ skipSuccessfulRequests: true }, { countIf: (_, status) => status >= 400 })
    expect(await same(failures, ['/', '/', '/fail', '/', '/fail', '/'])).toEqual([200, 200, 401, 200, 401, 429])
    const successes = await pair({ skipFailedRequests: true }, { countIf: (_, status) => status < 400 })
    expect(await same(successes, ['/fail', '/fail', '/', '/fail', '/', '/'])).toEqual([401, 401, 200, 401, 200, 429])
  })

  it.each([
    ['draft-6', { standardHeaders: 'draft-6', legacyHeaders: false }],
    ['draft-7', { standardHeaders: 'draft-7', legacyHeaders: false }],
    ['legacy', { standardHeaders: false, legacyHeaders: true }],
  ])('tells the same as its %s', async (headers, theirs) => {
    const fields = async (origin) => {
      const response = await fetch(origin)
      await response.text()
      const told = [...response.headers].filter(([name]) => name.includes('ratelimit'))
      // Both round the time that is left, and may do so on either side of a second.
      return told.map(([name, value]) => [
        name,
        name.endsWith('reset') ? 'soon' : value.replace(/reset=(59|60)/, 'reset=60'),
      ])
    }
    const [one, other] = await pair(theirs, { headers })
    const told = await fields(one)
    expect(told.length).toBeGreaterThan(1)
    expect(await fields(other)).toEqual(told)
  })
})

describe('@fastify/rate-limit', () => {
  const pair = (theirs, ours, [theirRoute, ourRoute] = []) =>
    both(
      makers.fastify(fastifyRateLimit, { max: 2, timeWindow: windowMs, keyGenerator: user, ...theirs }, theirRoute),
      makers.fastify(fastifyLimit, { limits, key: user, ...ours }, ourRoute),
    )

  it('max, timeWindow and keyGenerator are max, windowMs and key', async () => {
    expect(await same(await pair({}, {}), ['/ a', '/ a', '/ a', '/ b'])).toEqual([200, 200, 429, 200])
  })

  it('the rateLimit of a route is its limit', async () => {
    const own = [
      { config: { rateLimit: { max: 1 } } },
      { config: { limit: { limits: { minute: { max: 1, windowMs } } } } },
    ]
    expect(await same(await pair({}, {}, own), ['/health', '/health', '/', '/', '/'])).toEqual([
      200, 429, 200, 200, 429,
    ])
    const off = [{ config: { rateLimit: false } }, { config: { limit: false } }]
    expect(await same(await pair({}, {}, off), ['/health', '/health', '/health'])).toEqual([200, 200, 200])
  })

  it('allowList is allow', async () => {
    const servers = await pair(
      { allowList: ['127.0.0.1'], keyGenerator: undefined },
      { allow: ['127.0.0.1'], key: undefined },
    )
    expect(await same(servers, ['/', '/', '/', '/'])).toEqual([200, 200, 200, 200])
  })

  it('ban is banAfter', async () => {
    const servers = await pair({ ban: 2 }, { limits: { minute: { max: 2, windowMs, banAfter: 2 } } })
    expect(await same(servers, ['/', '/', '/', '/', '/', '/'])).toEqual([200, 200, 429, 429, 403, 403])
  })
})

describe('hono-rate-limiter', () => {
  const pair = (theirs, ours) =>
    both(
      makers.hono(rateLimiter({ windowMs, limit: 2, keyGenerator: honoUser, ...theirs })),
      makers.hono(honoLimit({ limits, key: honoUser, ...ours })),
    )

  it('limit, windowMs and keyGenerator are max, windowMs and key', async () => {
    expect(await same(await pair({}, {}), ['/ a', '/ a', '/ a', '/ b'])).toEqual([200, 200, 429, 200])
  })

  it('skipFailedRequests is countIf', async () => {
    const servers = await pair({ skipFailedRequests: true }, { countIf: (_, status) => status < 400 })
    expect(await same(servers, ['/fail', '/fail', '/', '/fail', '/', '/'])).toEqual([401, 401, 200, 401, 200, 429])
  })
})
