import { connect } from 'node:http2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, compile } from './support/compile.mjs'
import { scope } from './support/scope.mjs'

let program
beforeAll(async () => {
  await compile('http', 'http-limits')
  program = await import(built('http-limits/limits.js'))
})

describe.each(['Express', 'Fastify', 'Hono', 'Koa'])('%s behind our limits', (name) => {
  const running = []
  const start = async (options = {}) => {
    running.push(await program.servers[name](options))
    return running.at(-1).origin
  }
  const ask = async (url, headers = {}, method = 'GET') => {
    const response = await fetch(url, { method, headers })
    await response.arrayBuffer()
    return response
  }
  afterAll(() => Promise.all(running.map(({ close }) => close())))

  it('admits the limit of each key and refuses the rest, with header fields', async () => {
    const origin = await start()
    const answers = []
    for (const user of ['a', 'a', 'a', 'b']) answers.push(await ask(origin, { 'x-user': user }))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 200])
    expect(answers[0].headers.get('ratelimit-policy')).toBe('"all";q=2;w=3600')
    expect(answers[0].headers.get('ratelimit')).toMatch(/^"all";r=1;t=(3[56]\d\d)$/)
    expect(answers[2].headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(Number(answers[2].headers.get('retry-after'))).toBeGreaterThan(3500)
  })

  it('limits nothing where no limit is asked for', async () => {
    const origin = await start()
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await ask(`${origin}/free`, { 'x-user': 'a' })
      expect([status, headers.get('ratelimit')]).toEqual([200, null])
      expect((await ask(origin)).status).toBe(200)
    }
  })

  it('counts only what failed', async () => {
    const origin = await start()
    const statuses = []
    for (const user of ['right', 'right', 'right', 'wrong', 'right'])
      statuses.push((await ask(`${origin}/login`, { 'x-user': user }, 'POST')).status)
    expect(statuses).toEqual([200, 200, 200, 401, 429])
  })

  it('counts together in two servers of one name', async () => {
    const shared = { name: `amorsize-field/limits/${process.pid}/${name}`, scope }
    const [one, two] = [await start(shared), await start(shared)]
    const statuses = []
    for (const origin of [one, two, one, two]) statuses.push((await ask(origin, { 'x-user': 'a' })).status)
    expect(statuses).toEqual([200, 200, 429, 429])
  })

  it('counts by the address that a trusted proxy tells, IPv6 by its network', async () => {
    const origin = await start({ trustProxy: true })
    const status = async (ip) => (await ask(origin, { 'x-forwarded-for': ip })).status
    expect([
      await status('1.2.3.4'),
      await status('1.2.3.4'),
      await status('1.2.3.4'),
      await status('1.2.3.5'),
    ]).toEqual([200, 200, 429, 200])
    if (name === 'Hono') return // Its key is the header itself.
    const network = ['2001:db8:1:200::1', '2001:db8:1:2ff::2', '2001:db8:1:200::3', '2001:db8:1:300::1']
    const seen = []
    for (const ip of network) seen.push(await status(ip))
    expect(seen).toEqual([200, 200, 429, 200])
  })

  it('stays exact for thousands of keys over keep-alive connections', async () => {
    const origin = await start()
    const keys = name === 'Express' ? 10_000 : 1000
    let refused = 0
    for (let n = 0; n < keys; n += 100)
      for (const { status } of await Promise.all(
        Array.from({ length: 100 }, (_, m) => ask(origin, { 'x-user': `u${n + m}` })),
      ))
        if (status !== 200) refused++
    expect(refused).toBe(0)
    const first = [await ask(origin, { 'x-user': 'u0' }), await ask(origin, { 'x-user': 'u0' })]
    expect(first.map(({ status }) => status)).toEqual([200, 429])
  })
})

describe.each(['Express', 'Fastify', 'Hono', 'Koa', 'web'])('%s behind shed', (name) => {
  it('refuses what finds no place, never health checks, and frees the place of a client that goes', async () => {
    const { origin, close } = await program.shedding[name]()
    const status = async (path, init) => {
      const response = await fetch(origin + path, init)
      await response.text()
      return response.status
    }
    /** How many slow requests have begun. */
    const begun = async () => Number(await (await fetch(`${origin}/health`)).text())
    const slow = status('/slow')
    await expect.poll(begun).toBe(1)
    expect(await status('/slow')).toBe(503)
    expect(await slow).toBe(200)
    const controller = new AbortController()
    const gone = status('/slow', { signal: controller.signal }).catch((error) => error.name)
    await expect.poll(begun).toBe(2)
    controller.abort()
    expect(await gone).toBe('AbortError')
    // The work of the one that has gone goes on; its place is free all the same.
    await expect.poll(() => status('/slow')).toBe(200)
    await close()
  })
})

describe('HTTP/2', () => {
  it('is limited over one connection', async () => {
    const { origin, close } = await program.http2()
    const session = connect(origin)
    const status = () =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': '/' })
        stream
          .on('response', (headers) => resolve([headers[':status'], headers.ratelimit !== undefined]))
          .on('error', reject)
        stream.resume().end()
      })
    expect([await status(), await status(), await status()]).toEqual([
      [200, true],
      [200, true],
      [429, true],
    ])
    session.close()
    await close()
  })
})
