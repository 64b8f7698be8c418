// policyInterceptor in every version of undici that it is for. Version 8 needs Node 22: undici-8.whole.test.mjs runs this file there.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { bulkhead, circuitBreaker, hedge, pipeline, retry, timeout } from 'amorsize'
import { policyInterceptor } from 'amorsize/http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const packages = process.env.UNDICI_FOLDER === undefined ? ['undici-6', 'undici'] : [process.env.UNDICI_FOLDER]

let server
let origin
const at = []
/** How often each path was asked, how many requests are open, and the most that ever were. */
let asked
let openNow = 0
let mostOpen = 0
beforeAll(async () => {
  server = createServer((incoming, response) => {
    at.push(performance.now())
    const nth = (asked.get(incoming.url) ?? 0) + 1
    asked.set(incoming.url, nth)
    mostOpen = Math.max(mostOpen, ++openNow)
    response.on('close', () => openNow--)
    const [, what] = incoming.url.split('/')
    if (what === 'busy') response.writeHead(429, { 'retry-after': '1' })
    if (what === 'used-up') response.writeHead(200, { ratelimit: `"all";r=0;t=${incoming.url.split('/')[2]}` })
    if (what === 'flaky' && nth < 3) response.writeHead(503)
    if (what === 'down') response.writeHead(500)
    if (what === 'hangs' && nth === 1) return
    if (what === 'slow') setTimeout(() => response.end('ok'), 30)
    else response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
beforeEach(() => {
  asked = new Map()
  mostOpen = 0
})
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

describe.each(packages)('%s', (name) => {
  const { Agent, Client, fetch: undiciFetch, interceptors, request } = require(name)
  const agentWith = (options) => new Agent().compose(policyInterceptor(options))
  /** A call as a program over undici makes it: what is no success is an error. */
  const call = (url, dispatcher) => async (context) => {
    const { statusCode, body } = await request(url, { dispatcher, signal: context?.signal })
    const text = await body.text()
    if (statusCode >= 400) throw Object.assign(new Error(`status ${statusCode}`), { statusCode })
    return text
  }

  it('dispatches what need not wait, by request and by fetch', async () => {
    const dispatcher = agentWith()
    const { statusCode, body } = await request(origin, { dispatcher })
    expect([statusCode, await body.text()]).toEqual([200, 'ok'])
    expect(await (await undiciFetch(origin, { dispatcher })).text()).toBe('ok')
  })

  it.each([undefined, 'localhost', 'localhost:3000', new URL('http://127.0.0.1')])(
    'lets a Client ask its server, whatever origin it is given: %s',
    async (given) => {
      const client = new Client(origin)
      const dispatcher = client.compose(policyInterceptor({ limit: { requestsPerSecond: 100 } }))
      const { body } = await dispatcher.request({ origin: given, path: '/', method: 'GET' })
      expect(await body.text()).toBe('ok')
      await client.close()
    },
  )

  it('keeps to a rate, in turn', async () => {
    const dispatcher = agentWith({ limit: { requestsPerSecond: 20, burstSize: 1 } })
    const started = performance.now()
    const paths = Array.from({ length: 5 }, (_, n) => `/turn/${n}`)
    const answers = await Promise.all(paths.map((path) => request(origin + path, { dispatcher })))
    for (const { body } of answers) await body.dump()
    expect(performance.now() - started).toBeGreaterThan(190)
    expect([...asked.keys()]).toEqual(paths)
  })

  it('sends nothing for the Retry-After of a 429, and ends a wait by its signal', async () => {
    const dispatcher = agentWith()
    const first = await request(`${origin}/busy`, { dispatcher })
    await first.body.dump()
    const refusedAt = at.at(-1)
    const controller = new AbortController()
    const aborted = request(origin, { dispatcher, signal: controller.signal }).catch((error) => error)
    const waiting = request(origin, { dispatcher })
    controller.abort(new Error('enough'))
    expect((await aborted).message).toBe('enough')
    const { statusCode, body } = await waiting
    await body.dump()
    expect(statusCode).toBe(200)
    expect(at.at(-1) - refusedAt).toBeGreaterThan(950)
  })

  it('keeps to limits that answers tell of, unless adapt is false', async () => {
    const gapMs = async (adapt, seconds) => {
      const dispatcher = agentWith({ adapt })
      await call(`${origin}/used-up/${seconds}`, dispatcher)()
      const toldMs = at.at(-1)
      await call(origin, dispatcher)()
      return at.at(-1) - toldMs
    }
    expect(await gapMs(true, 1)).toBeGreaterThan(950)
    expect(await gapMs(false, 100)).toBeLessThan(20_000)
  })

  it('fails the request, not the process, when it would wait too long or cannot be sent', async () => {
    const dispatcher = agentWith({ limit: { requestsPerSecond: 0.01, burstSize: 1, maxWaitMs: 100 } })
    await (await request(origin, { dispatcher })).body.dump()
    await expect(request(origin, { dispatcher })).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED' })
    const slow = agentWith({ limit: { requestsPerSecond: 20, burstSize: 1 } })
    await (await request(origin, { dispatcher: slow })).body.dump()
    await expect(request('http://127.0.0.1:1/', { dispatcher: slow })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(request('http://127.0.0.1:1/', { dispatcher: slow })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('bounds how many wait, by limit.maxQueue', async () => {
    const dispatcher = agentWith({ limit: { requestsPerSecond: 5, burstSize: 1, maxQueue: 1 } })
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => call(origin, dispatcher)()))
    expect(outcomes.map(({ reason }) => reason?.code)).toEqual([
      undefined,
      undefined,
      'ERR_RATE_LIMIT_EXCEEDED',
      'ERR_RATE_LIMIT_EXCEEDED',
    ])
  })

  it("goes inside undici's own retries, each of which takes its turn", async () => {
    const dispatcher = new Agent()
      .compose(policyInterceptor({ limit: { requestsPerSecond: 10, burstSize: 1 } }))
      .compose(interceptors.retry({ maxRetries: 3, minTimeout: 1, maxTimeout: 1 }))
    const before = at.length
    const startedMs = performance.now()
    const { statusCode, body } = await request(`${origin}/flaky/by-undici`, { dispatcher })
    expect([statusCode, await body.text()]).toEqual([200, 'ok'])
    expect(at.slice(before)).toHaveLength(3)
    expect(performance.now() - startedMs).toBeGreaterThan(195)
  })

  describe('with policies of its own', () => {
    it('bulkhead: a place is free again when the body has ended, was given up, or the connection broke', async () => {
      const dispatcher = agentWith({ bulkhead: { maxConcurrent: 2 } })
      const texts = Array.from({ length: 6 }, () => call(`${origin}/slow`, dispatcher)())
      expect(await Promise.all(texts)).toEqual(Array(6).fill('ok'))
      expect(mostOpen).toBe(2)
      for (let n = 0; n < 4; n++) {
        const { body } = await request(`${origin}/slow`, { dispatcher })
        body.on('error', () => undefined).destroy()
        await expect(request('http://127.0.0.1:1/', { dispatcher })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      }
      expect(await (await undiciFetch(origin, { dispatcher })).text()).toBe('ok')
    })

    it('bulkhead: a request that is given up while it waits is never sent', async () => {
      const dispatcher = agentWith({ bulkhead: { maxConcurrent: 1, maxQueue: 10 } })
      const first = call(`${origin}/slow`, dispatcher)()
      const controller = new AbortController()
      const second = request(`${origin}/second`, { dispatcher, signal: controller.signal }).catch((error) => error)
      controller.abort(new Error('enough'))
      expect((await second).message).toBe('enough')
      expect(await first).toBe('ok')
      expect(asked.has('/second')).toBe(false)
    })

    it('breaker: opens by what the server answers, and then sends nothing; one for each origin', async () => {
      const dispatcher = agentWith({ breaker: { failureThreshold: 3 } })
      for (let n = 0; n < 3; n++) await expect(call(`${origin}/down`, dispatcher)()).rejects.toThrow('500')
      await expect(call(`${origin}/down`, dispatcher)()).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
      expect(asked.get('/down')).toBe(3)
      for (let n = 0; n < 3; n++)
        await expect(request('http://127.0.0.1:1/', { dispatcher })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await expect(request('http://127.0.0.1:1/', { dispatcher })).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    })

    it('a signal that is aborted on the way is told once, and is no failure of the server', async () => {
      const dispatcher = agentWith({ breaker: { failureThreshold: 1 }, bulkhead: { maxConcurrent: 1 } })
      const controller = new AbortController()
      const hanging = request(`${origin}/hangs`, { dispatcher, signal: controller.signal })
      await expect.poll(() => asked.get('/hangs')).toBe(1)
      controller.abort(new Error('enough'))
      await expect(hanging).rejects.toThrow('enough')
      expect(await call(origin, dispatcher)()).toBe('ok')
    })

    it('leaves to others what it cannot do, and says who does it', () => {
      for (const options of [{ retry: {} }, { timeoutMs: 5 }, { hedge: {} }, { fetch }])
        expect(() => policyInterceptor(options)).toThrow(`takes no '${Object.keys(options)[0]}'`)
    })
  })

  describe('inside our policies', () => {
    it('retry: each attempt takes its turn', async () => {
      const dispatcher = agentWith({ limit: { requestsPerSecond: 10, burstSize: 1 } })
      const before = at.length
      const policy = retry({ maxRetries: 3, initialDelayMs: 1 })
      const startedMs = performance.now()
      expect(await policy.execute(call(`${origin}/flaky`, dispatcher))).toBe('ok')
      expect(at.slice(before)).toHaveLength(3)
      // Since it began: on a busy machine the first may come so late that the third seems early.
      expect(performance.now() - startedMs).toBeGreaterThan(195)
    })

    it('timeout: ends the request on its way, and one that waits is never sent', async () => {
      const policy = pipeline(retry({ maxRetries: 1, initialDelayMs: 1 }), timeout(200))
      expect(await policy.execute(call(`${origin}/hangs`, agentWith()))).toBe('ok')
      expect(asked.get('/hangs')).toBe(2)
      await expect.poll(() => openNow).toBe(0)
      const slow = agentWith({ limit: { requestsPerSecond: 0.1, burstSize: 1 } })
      await call(`${origin}/first`, slow)()
      await expect(timeout(50).execute(call(`${origin}/second`, slow))).rejects.toMatchObject({
        code: 'ERR_TIMEOUT_EXCEEDED',
      })
      expect(asked.has('/second')).toBe(false)
    })

    it('circuitBreaker: opens by what the server answers, and then sends nothing', async () => {
      const breaker = circuitBreaker({ failureThreshold: 3 })
      const dispatcher = agentWith()
      for (let n = 0; n < 3; n++)
        await expect(breaker.execute(call(`${origin}/down`, dispatcher))).rejects.toThrow('500')
      await expect(breaker.execute(call(`${origin}/down`, dispatcher))).rejects.toMatchObject({
        code: 'ERR_CIRCUIT_OPEN',
      })
      expect(asked.get('/down')).toBe(3)
    })

    it('bulkhead: no more at once than it has places', async () => {
      const places = bulkhead({ maxConcurrent: 2 })
      const dispatcher = agentWith()
      const texts = await Promise.all(
        Array.from({ length: 8 }, () => places.execute(call(`${origin}/slow`, dispatcher))),
      )
      expect(texts).toEqual(Array(8).fill('ok'))
      expect(mostOpen).toBe(2)
    })

    it('hedge: the second request answers, the first is given up', async () => {
      const policy = hedge({ afterMs: 50 })
      expect(await policy.execute(call(`${origin}/hangs/first`, agentWith()))).toBe('ok')
      expect(asked.get('/hangs/first')).toBe(2)
      await expect.poll(() => openNow).toBe(0)
    })

    it('all of them together', async () => {
      const policy = pipeline(
        timeout(20_000),
        retry({ maxRetries: 3, initialDelayMs: 1 }),
        hedge({ afterMs: 5000 }),
        circuitBreaker({ failureThreshold: 10 }),
        bulkhead({ maxConcurrent: 2 }),
        timeout(500),
      )
      const dispatcher = agentWith({ limit: { requestsPerSecond: 100, burstSize: 1 } })
      const paths = ['flaky/1', 'flaky/2', 'hangs/2', 'slow', 'plain']
      const texts = await Promise.all(paths.map((path) => policy.execute(call(`${origin}/${path}`, dispatcher))))
      expect(texts).toEqual(Array(paths.length).fill('ok'))
    })
  })
})
