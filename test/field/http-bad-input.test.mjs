// What users get wrong, in each framework: an error when the server is set up, or a warning with a code, once. No request gets a 500 for it,
// unless `onError: 'closed'` asks for that, and none is set free.
import { createServer } from 'node:http'
import { connectLimit, expressStore, fastifyLimit, honoLimit } from 'amorsize/http'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { fastify } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makers } from './support/http-servers.mjs'
import { scope } from './support/scope.mjs'

const running = []
/** How often each code was warned of in this process. */
const warned = new Map()
const hear = ({ code }) => warned.set(code, (warned.get(code) ?? 0) + 1)
beforeAll(() => process.on('warning', hear))
afterAll(() => {
  process.off('warning', hear)
  return Promise.all(running.map(({ close }) => close()))
})

async function statuses(name, options, count) {
  const server = await makers[name](options)
  running.push(server)
  const seen = []
  for (let n = 0; n < count; n++) {
    const response = await fetch(server.origin)
    await response.text()
    seen.push(response.status)
  }
  return seen
}

/** By framework: makes the limiter, and resolves or rejects as setting up a server with it does. */
const setUp = {
  Express: async (options) => connectLimit(options),
  Fastify: async (options) => {
    const app = fastify()
    app.register(fastifyLimit, options)
    await app.ready()
  },
  Hono: async (options) => honoLimit(options),
}

const windowMs = 60_000
const limits = { a: { max: 1, windowMs } }
const fails = () => {
  throw new Error('no session')
}

describe.each(Object.keys(makers))('%s', (name) => {
  it.each([
    [
      'both a window and a rate',
      { limits: { a: { max: 1, windowMs, requestsPerSecond: 1 } } },
      /limits\.a must have requestsPerSecond, max with windowMs, or maxConcurrent; received requestsPerSecond, max/,
    ],
    [
      'neither',
      { limits: { a: { windowMs } } },
      /limits\.a must have requestsPerSecond, max with windowMs, or maxConcurrent/,
    ],
    [
      'a window of 0',
      { limits: { a: { max: 0, windowMs } } },
      /limits\.a\.max must be an integer >= 1 and <= 1048574; received 0 \(number\)/,
    ],
    [
      'a rate of 0',
      { limits: { a: { requestsPerSecond: 0 } } },
      /limits\.a\.requestsPerSecond must be a finite number > 0/,
    ],
    [
      'an unknown version of header fields',
      { limits, headers: 'draft-9' },
      /headers must be one of 'draft-10', 'draft-7', 'draft-6', 'legacy'; received "draft-9"/,
    ],
    ['a key that is no function', { limits, key: 'ip' }, /key must be a function/],
    ['an option of another limiter', { limits, standardHeaders: true }, /unknown .* option 'standardHeaders'/],
  ])('refuses %s when it is set up', async (_, options, message) => {
    await expect(setUp[name](options)).rejects.toThrow(message)
  })

  it.each([
    ['a key that throws', { limits, key: fails }],
    ['a key that gives undefined', { limits, key: () => undefined }],
    ['a max that throws', { limits: { a: { max: fails, windowMs } } }],
    ['a max that gives no number', { limits: { a: { max: () => undefined, windowMs } } }],
    ['a cost that is negative', { limits: { a: { max: 1, windowMs, cost: () => -1 } } }],
    ['a key that gives a promise of undefined', { limits, key: async () => undefined }],
    ['a skip that throws', { limits, skip: fails }],
  ])('charges the address for %s, or fails each request where that is asked', async (_, options) => {
    expect(await statuses(name, options, 3)).toEqual([200, 429, 429])
    expect(await statuses(name, { ...options, onError: 'closed' }, 2)).toEqual([500, 500])
    expect(warned.get('AMORSIZE_HTTP_LIMIT_FAILED')).toBe(1)
  })

  it('refuses what costs more than there can be, and takes a max of Infinity for the most there can be', async () => {
    for (const cost of [1e9, 1e300, Infinity])
      expect(await statuses(name, { limits: { a: { max: 9, windowMs, cost: () => cost } } }, 2)).toEqual([429, 429])
    expect(await statuses(name, { limits: { a: { max: () => Infinity, windowMs } } }, 2)).toEqual([200, 200])
  })

  it('refuses everybody by a max of 0 that a function returns, which is no mistake', async () => {
    expect(await statuses(name, { limits: { a: { max: () => 0, windowMs } } }, 2)).toEqual([429, 429])
  })

  it('counts a request whose countIf throws', async () => {
    expect(await statuses(name, { limits, countIf: fails }, 2)).toEqual([200, 429])
  })

  it('refuses a name that has other rates, and warns of one that has other windows', async () => {
    const shared = { name: `amorsize-field bad-input ${process.pid} ${name}`, scope, capacity: 100 }
    await setUp[name]({ ...shared, limits: { rate: { requestsPerSecond: 1 }, window: { max: 1, windowMs } } })
    await expect(setUp[name]({ ...shared, limits: { rate: { requestsPerSecond: 2 } } })).rejects.toMatchObject({
      code: 'ERR_SHARED_MEMORY',
      reason: 'parameters-differ',
    })
    expect(await statuses(name, { ...shared, limits: { window: { max: 2, windowMs } } }, 1)).toEqual([200])
    expect(warned.get('AMORSIZE_HTTP_NAME_REUSED')).toBe(1)
  })
})

it('a store that is used twice warns, and both limiters go on', async () => {
  const store = expressStore()
  const app = express()
  app.get('/', rateLimit({ windowMs, limit: 5, store, validate: false }), (_, response) => response.send('ok'))
  app.get('/other', rateLimit({ windowMs, limit: 1, store, validate: false }), (_, response) => response.send('ok'))
  const server = createServer(app)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  running.push({ close: () => new Promise((resolve) => server.close(resolve)) })
  const ask = async (path) => (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).status
  // Both count the same keys, which is what the warning says.
  expect([await ask('/'), await ask('/other'), await ask('/')]).toEqual([200, 429, 200])
  expect(warned.get('AMORSIZE_HTTP_STORE_REUSED')).toBe(1)
})
