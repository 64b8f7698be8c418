import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fastifyRateLimit from '@fastify/rate-limit'
import { fastifyLimit, type FastifyLimitOptions, fastifyStore, shed } from 'amorsize/http'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'

const windowMs = 60_000
const apps: FastifyInstance[] = []
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

function made(): FastifyInstance {
  const app = fastify()
  apps.push(app)
  return app
}

async function statuses(app: FastifyInstance, method: 'GET' | 'HEAD' | 'POST', url: string, times: number) {
  const seen: number[] = []
  for (let n = 0; n < times; n++) seen.push((await app.inject({ method, url })).statusCode)
  return seen
}

async function statusesOfVersions(app: FastifyInstance, ...versions: string[]) {
  const seen: number[] = []
  for (const version of versions)
    seen.push((await app.inject({ url: '/', headers: { 'accept-version': version } })).statusCode)
  return seen
}

const limitOf = (limits: FastifyLimitOptions['limits']) => ({ config: { limit: { limits } } })
const answer = () => Promise.resolve('ok')

describe("config.limit of fastifyLimit's routes", () => {
  it('is known of routes that were there before the plugin, as it is where the plugin is not awaited', async () => {
    const app = made()
    void app.register(fastifyLimit, { limits: { all: { max: 3, windowMs } } })
    app.get('/login', limitOf({ login: { max: 1, windowMs } }), answer)
    app.get('/health', { config: { limit: false } }, answer)
    app.get('/', answer)
    expect(await statuses(app, 'GET', '/login', 3)).toEqual([200, 429, 429])
    expect(await statuses(app, 'GET', '/health', 5)).toEqual([200, 200, 200, 200, 200])
    expect(await statuses(app, 'GET', '/', 4)).toEqual([200, 200, 200, 429])
  })

  it('that is wrong fails the requests of a route that was there before, and no other', async () => {
    const app = made()
    void app.register(fastifyLimit, { limits: { all: { max: 3, windowMs } } })
    app.get('/wrong', limitOf({ login: { max: -1, windowMs } }), answer)
    app.get('/', answer)
    expect((await app.inject('/wrong')).json()).toMatchObject({ message: expect.stringContaining('max') as string })
    expect(await statuses(app, 'GET', '/', 1)).toEqual([200])
  })

  it('counts each method of a path apart under a name, whatever the kind of its limit', async () => {
    const app = made()
    const name = `http-fastify ${process.pid}`
    await app.register(fastifyLimit, { name, limits: { all: { max: 100, windowMs } } })
    app.get('/a', limitOf({ a: { max: 3, windowMs } }), answer)
    app.post('/a', limitOf({ a: { max: 1, windowMs } }), answer)
    app.get('/b', limitOf({ b: { requestsPerSecond: 0.01, burstSize: 2 } }), answer)
    app.post('/b', limitOf({ b: { requestsPerSecond: 0.01, burstSize: 1 } }), answer)
    expect(await statuses(app, 'GET', '/a', 2)).toEqual([200, 200])
    expect(await statuses(app, 'POST', '/a', 2)).toEqual([200, 429])
    // The HEAD that Fastify adds to a GET counts with it.
    expect(await statuses(app, 'HEAD', '/a', 2)).toEqual([200, 429])
    expect(await statuses(app, 'GET', '/b', 3)).toEqual([200, 200, 429])
    expect(await statuses(app, 'POST', '/b', 2)).toEqual([200, 429])
  })

  it('may be that of a long path, under a name', async () => {
    const app = made()
    await app.register(fastifyLimit, {
      name: `http-fastify long ${process.pid}`,
      limits: { all: { max: 9, windowMs } },
    })
    for (const last of ['a', 'b'])
      app.get(`/${'long/'.repeat(50)}${last}`, limitOf({ a: { max: 1, windowMs } }), answer)
    for (const last of ['a', 'b'])
      expect(await statuses(app, 'GET', `/${'long/'.repeat(50)}${last}`, 2)).toEqual([200, 429])
  })

  it('counts each version of a route apart under a name', async () => {
    const app = made()
    await app.register(fastifyLimit, {
      name: `http-fastify versions ${process.pid}`,
      limits: { all: { max: 9, windowMs } },
    })
    for (const [version, max] of Object.entries({ '1.0.0': 2, '2.0.0': 1 }))
      app.get('/', { constraints: { version }, ...limitOf({ a: { max, windowMs } }) }, answer)
    expect(await statusesOfVersions(app, '1.0.0', '1.0.0', '2.0.0', '2.0.0')).toEqual([200, 200, 200, 429])
  })
})

it.each([
  ['returned', () => ({ wait: true })],
  ['returned late', () => Promise.resolve({ wait: true })],
  ['sent', (_: unknown, __: unknown, reply: FastifyReply) => void reply.send({ wait: true })],
  ['sent and returned', (_: unknown, __: unknown, reply: FastifyReply) => Promise.resolve(reply.send({ wait: true }))],
])('refuse answers with what is %s', async (_, refuse) => {
  const app = made()
  await app.register(fastifyLimit, { limits: { all: { max: 1, windowMs } }, refuse })
  app.get('/', answer)
  await app.inject('/')
  const { statusCode, headers, body } = await app.inject('/')
  expect([statusCode, headers['retry-after'], body]).toEqual([429, '60', '{"wait":true}'])

  const shedding = made()
  await shedding.register(shed.fastify, { maxConcurrent: 1, refuse })
  // It is refused while it is itself worked on.
  shedding.get('/', async () => {
    const inner = await shedding.inject('/')
    return { told: [inner.statusCode, inner.headers['retry-after'], inner.body] }
  })
  expect((await shedding.inject('/')).json()).toEqual({ told: [503, '1', '{"wait":true}'] })
})

it.each([
  [true, 'AMORSIZE_HTTP_PROXY_PERMISSIVE'],
  [() => true, 'AMORSIZE_HTTP_PROXY_PERMISSIVE'],
  [['0.0.0.0/1', '128.0.0.0/1'], 'AMORSIZE_HTTP_PROXY_PERMISSIVE'],
  [false, 'AMORSIZE_HTTP_PROXY_IGNORED'],
  ['127.0.0.1', undefined],
  [['10.0.0.0/8', '127.0.0.1'], undefined],
  [1, undefined],
])('warns of trustProxy %s with %s', async (trustProxy, code) => {
  const program = `
    import { fastify } from 'fastify'
    import { fastifyLimit } from 'amorsize/http'
    const app = fastify({ trustProxy: ${String(typeof trustProxy === 'function' ? trustProxy : JSON.stringify(trustProxy))} })
    await app.register(fastifyLimit, { limits: { all: { max: 9, windowMs: 1000 } } })
    app.get('/', () => 'ok')
    process.on('warning', ({ code }) => console.log(code))
    for (let n = 0; n < 2; n++) await app.inject({ url: '/', headers: { 'x-forwarded-for': '1.2.3.4' } })`
  // A process of its own, since each code is warned of once in a process.
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  expect(stdout.trim()).toBe(code ?? '')
})

it('lets no refused request on whose refuse rejects with nothing', async () => {
  const app = made()
  let handled = 0
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as a program may
  await app.register(fastifyLimit, { limits: { all: { max: 1, windowMs } }, refuse: () => Promise.reject() })
  app.get('/', () => ++handled)
  await app.inject('/')
  expect((await app.inject('/')).json()).toMatchObject({ message: expect.stringContaining('without an error') })
  expect(handled).toBe(1)
})

it('fastifyStore counts each version of a route apart, as the own store of @fastify/rate-limit does', async () => {
  for (const store of [{}, { store: fastifyStore() }]) {
    const app = made()
    await app.register(fastifyRateLimit, { max: 9, timeWindow: windowMs, ...store })
    for (const [version, max] of Object.entries({ '1.0.0': 2, '2.0.0': 1 }))
      app.get('/', { constraints: { version }, config: { rateLimit: { max } } }, answer)
    expect(await statusesOfVersions(app, '1.0.0', '1.0.0', '2.0.0', '2.0.0')).toEqual([200, 200, 200, 429])
  }
})

describe('a plugin that the program calls itself', () => {
  it.each<[string, (options?: object) => Promise<void>, object?]>([
    ['fastifyLimit', fastifyLimit as never, { limits: { all: { max: 3, windowMs } } }],
    ['shed.fastify', shed.fastify as never, {}],
    ['shed.fastify', shed.fastify as never],
  ])('%s fails the start, and says how it is registered', async (name, plugin, ...options) => {
    const app = made()
    const starts = app.register(plugin(...options) as never)
    await expect(starts).rejects.toThrow(`${name} is a plugin, which Fastify calls: app.register(${name}, options)`)
  })
})
