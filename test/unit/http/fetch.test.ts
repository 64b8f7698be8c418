import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { modelFetch, policyFetch, type PolicyFetchOptions, policyInterceptor } from 'amorsize/http'
import {
  bulkhead,
  BulkheadRejectedError,
  CircuitOpenError,
  RateLimitExceeded,
  RateLimiter,
  RetryExhaustedError,
  TimeoutExceededError,
} from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import { afterEach, describe, expect, it } from 'vitest'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(handler: (request: IncomingMessage, response: ServerResponse, count: number) => void) {
  let count = 0
  const server = createServer((request, response) => handler(request, response, ++count))
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count }
}

const read = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Answers from a script instead of a server, on a fake clock. */
function scripted(answers: (Response | Error)[], options: PolicyFetchOptions = {}) {
  const clock = new FakeClock()
  const sentAt: number[] = []
  const send = policyFetch({
    clock,
    fetch: () => {
      sentAt.push(clock.now())
      const answer = answers.shift() ?? new Response('ok')
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    ...options,
  })
  return { clock, send, sentAt }
}

const answer = (status: number, headers: Record<string, string> = {}) => new Response('x', { status, headers })
/** An answer whose connection is reset once its header fields are there. */
const broken = (status: number) =>
  new Response(new ReadableStream({ pull: () => Promise.reject(new TypeError('terminated')) }, { highWaterMark: 1 }), {
    status,
  })
const times = (count: number, make: () => Response): Response[] => Array.from({ length: count }, make)
const retry = { initialDelayMs: 100, jitter: 'none' as const }

/** What is used of a handler of undici. */
interface UndiciHandler {
  onResponseError(controller: null, error: Error): void
}
/** A request as undici dispatches it. */
const path = (own: string) => ({ origin: 'http://a.example', path: own, method: 'GET' })

describe('policyFetch', () => {
  it.each<[string, RequestInit, boolean?]>([
    ['a header field that cannot be', { headers: { 'bad header': 'x' } }],
    ['a body where there is none', { method: 'GET', body: 'x' }],
    ['a mode that is not for programs', { mode: 'navigate' }],
    ['a method that is none', { method: 'IN VALID' }],
    ['a Request that was read', {}, true],
  ])("counts no request as the server's failure that could not be sent: %s", async (_, init, isRead = false) => {
    const { origin, count } = await serve((_request, response) => void response.end('ok'))
    const used = new Request(origin, { method: 'PUT', body: 'x' })
    await used.text()
    const target = isRead ? used : origin
    let retries = 0
    const send = policyFetch({
      retry: {
        ...retry,
        onRetry: () => {
          retries++
        },
      },
      breaker: { failureThreshold: 1 },
    })
    const refused = await fetch(target, init).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TypeError)
    await expect(send(target, init)).rejects.toThrow(isRead ? TypeError : (refused as TypeError).message)
    expect(await (await send(origin)).text()).toBe('ok')
    expect([retries, count()]).toEqual([0, 1])
  })

  it.each([
    ['retries', { maxRetries: 3 }, 200],
    ['hands the last answer out', { maxRetries: 1 }, 503],
  ])('%s where somebody keeps clones of answers', async (_, options, status) => {
    const kept: Response[] = []
    const keep = (response: Response): Response => {
      kept.push(response.clone())
      return response
    }
    const answers = times(2, () => keep(answer(503)))
    const { send } = scripted(answers, { retry: { initialDelayMs: 0, ...options }, clock: undefined })
    expect((await send('http://a.test/')).status).toBe(status)
    expect(await kept[0]?.text()).toBe('x')
  })

  it.each(['999 Request denied', '600 x', '200 成功'])('hands out an answer as fetch does: %s', async (line) => {
    const { origin } = await serve((request) => request.socket.end(`HTTP/1.1 ${line}\r\ncontent-length: 2\r\n\r\nok`))
    const get = policyFetch({ bulkhead: { maxConcurrent: 1 } })
    for (let i = 0; i < 2; i++) {
      const response = await get(origin)
      const { status, statusText, ok } = response.clone()
      expect(`${status} ${statusText}`).toBe(line)
      expect(ok).toBe(status === 200)
      expect(await response.text()).toBe('ok')
    }
  })

  it('fetches as fetch does, without options', async () => {
    const { origin } = await serve(
      (request, response) => void read(request).then((body) => response.end(`${request.method} ${body}`)),
    )
    const send: typeof fetch = policyFetch()
    expect(await (await send(origin)).text()).toBe('GET ')
    expect(await (await send(new URL(origin), { method: 'POST', body: 'abc' })).text()).toBe('POST abc')
    expect(await (await send(new Request(origin, { method: 'PUT', body: 'abc' }))).text()).toBe('PUT abc')
  })

  it.each([429, 503, 529])(
    'sends nothing to an origin for the Retry-After of a %d, and leaves others alone',
    async (status) => {
      const { clock, send, sentAt } = scripted([answer(status, { 'retry-after': '10' })])
      expect((await send('http://a.example/')).status).toBe(status)
      const waiting = send('http://a.example/other')
      await send('http://b.example/')
      await clock.advance(9999)
      expect(sentAt).toEqual([0, 0])
      await clock.advance(1)
      await waiting
      expect(sentAt).toEqual([0, 0, 10_000])
    },
  )

  it('says at once where there is no global fetch, as in jsdom, and sends once there is one', async () => {
    const given = globalThis.fetch
    const sent: unknown[] = []
    Reflect.deleteProperty(globalThis, 'fetch')
    try {
      const limited = policyFetch({ retry: { maxRetries: 3 }, breaker: { failureThreshold: 1 } })
      for (let i = 0; i < 3; i++)
        await expect(limited('http://a.example/')).rejects.toThrow('fetch must be given where there is no global fetch')
      globalThis.fetch = (input) => (sent.push(input), Promise.resolve(new Response('ok')))
      expect((await limited('http://a.example/')).status).toBe(200)
    } finally {
      globalThis.fetch = given
    }
    expect(sent).toHaveLength(1)
  })

  it('sends by the global fetch of the moment, and may take its place', async () => {
    const given = globalThis.fetch
    const sent: string[] = []
    const global =
      (name: string): typeof fetch =>
      () => {
        sent.push(name)
        return Promise.resolve(new Response('{}'))
      }
    try {
      globalThis.fetch = global('first')
      const limited = policyFetch({ limit: { requestsPerSecond: 1000 }, retry: { maxRetries: 1 } })
      globalThis.fetch = global('second')
      await limited('http://a.example/')
      globalThis.fetch = limited
      await fetch('http://a.example/')
      globalThis.fetch = modelFetch({ rpm: 1e6, tpm: 1e6, fetch: limited })
      await fetch('http://a.example/')
      globalThis.fetch = modelFetch({ rpm: 1e6, tpm: 1e6 })
      await fetch('http://a.example/')
    } finally {
      globalThis.fetch = given
    }
    expect(sent).toEqual(['second', 'first', 'first', 'first'])
    sent.length = 0
    try {
      globalThis.fetch = global('first')
      const limited = policyFetch({ limit: { requestsPerSecond: 1000 } })
      globalThis.fetch = limited
      // As tracers do.
      globalThis.fetch = (...request) => limited(...request)
      for (let i = 0; i < 2; i++) await fetch('http://a.example/')
    } finally {
      globalThis.fetch = given
    }
    expect(sent).toEqual(['first', 'first'])
    sent.length = 0
    let tokens = 0
    try {
      globalThis.fetch = global('first')
      const limited = policyFetch({ limit: { requestsPerSecond: 1000 }, bulkhead: { maxConcurrent: 1 } })
      globalThis.fetch = async (...request) => {
        tokens++
        await new Promise((resolve) => setTimeout(resolve, 1)) // as a token is fetched
        return limited(...request)
      }
      for (let i = 0; i < 3; i++) await fetch('http://a.example/').then((response) => response.text())
      globalThis.fetch = global('mock')
      await limited('http://a.example/')
    } finally {
      globalThis.fetch = given
    }
    // The first is asked for twice: before that nobody knew.
    expect(sent).toEqual(['first', 'first', 'first', 'mock'])
    expect(tokens).toBe(4)
  })

  it('keeps to limits that answers tell of, unless adapt is false', async () => {
    const used = () => answer(200, { ratelimit: '"burst";r=0;t=5' })
    const adapting = scripted([used()])
    await adapting.send('http://a.example/')
    const waiting = adapting.send('http://a.example/')
    await adapting.clock.advance(5000)
    await waiting
    expect(adapting.sentAt).toEqual([0, 5000])
    const other = scripted([used()], { adapt: false })
    await other.send('http://a.example/')
    await other.send('http://a.example/')
    expect(other.sentAt).toEqual([0, 0])
  })

  it('looks less often at answers that tell of no limits, until one does', async () => {
    const used = () => answer(200, { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '5' })
    const { clock, send, sentAt } = scripted([...times(100, () => answer(200)), ...times(18, used)])
    const goesOn = async (): Promise<boolean> => {
      const count = sentAt.length
      void send('http://a.example/')
      await clock.advance(0)
      return sentAt.length > count
    }
    for (let n = 0; n < 100; n++) expect(await goesOn()).toBe(true)
    let told = 0
    while (told <= 16 && (await goesOn())) told++
    expect(told).toBeGreaterThan(1)
    expect(told).toBeLessThanOrEqual(16)
    // The answer to the one that waited pauses the origin again: each is looked at from now on.
    await clock.advance(5000)
    expect(sentAt.at(-1)).toBe(5000)
    expect(await goesOn()).toBe(false)
  })

  it('looks at every answer that refuses, however long an origin told of no limits', async () => {
    const told = { 'ratelimit-remaining': '0', 'ratelimit-reset': '7' }
    for (let silent = 16; silent < 40; silent++) {
      const { clock, send, sentAt } = scripted([...times(silent, () => answer(200)), answer(403, told)])
      for (let n = 0; n <= silent; n++) await send('http://a.example/')
      const next = send('http://a.example/')
      await clock.advance(7000)
      await next
      expect(sentAt.at(-1), `after ${silent} answers`).toBe(7000)
    }
  })

  it('forgets which origins are silent when there are more than maxOrigins', async () => {
    const { clock, send, sentAt } = scripted(
      [...times(18, () => answer(200)), answer(200, { ratelimit: '"burst";r=0;t=5' })],
      { maxOrigins: 1 },
    )
    for (let n = 0; n < 17; n++) await send('http://a.example/')
    await send('http://b.example/')
    await send('http://a.example/')
    const next = send('http://a.example/')
    await clock.advance(5000)
    await next
    expect(sentAt.at(-1)).toBe(5000)
  })

  it('refuses at once what would wait longer than limit.maxWaitMs, and ends a wait by its signal', async () => {
    const { send } = scripted([answer(429, { 'retry-after': '60' })], {
      limit: { requestsPerSecond: 100, maxWaitMs: 1000 },
    })
    await send('http://a.example/')
    await expect(send('http://a.example/')).rejects.toSatisfy(
      (error) => RateLimitExceeded.is(error) && error.retryAfterMs === 60_000,
    )
    const patient = scripted([answer(429, { 'retry-after': '60' })])
    await patient.send('http://a.example/')
    const controller = new AbortController()
    const waiting = patient.send('http://a.example/', { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  it.each([{ waitOnLimit: false }, { maxWaitMs: 1000 }])(
    'hands an answer back that asks for a longer wait than the limit allows, with %o',
    async (bound) => {
      const { send, clock, sentAt } = scripted(
        [answer(503, { 'retry-after': '3600' }), answer(503, { 'retry-after': '0' }), answer(200)],
        { limit: { requestsPerSecond: 100, burstSize: 10, ...bound }, retry: { maxRetries: 2, jitter: 'none' } },
      )
      const late = await send('http://a.example/')
      expect([late.status, clock.pendingTimers]).toEqual([503, 0])
      const soon = send('http://b.example/')
      await clock.advance(1000)
      expect((await soon).status).toBe(200)
      expect(sentAt).toHaveLength(3)
    },
  )

  it('refuses a retryIfResult that is no function', () => {
    expect(() => policyFetch({ retry: { retryIfResult: 5 as never } })).toThrow(/retryIfResult must be a function/)
  })

  it('keeps to a rate for each origin', async () => {
    const { clock, send, sentAt } = scripted([], { limit: { requestsPerSecond: 10, burstSize: 1 } })
    const all = ['a', 'a', 'a', 'b'].map((host) => send(`http://${host}.example/`))
    await clock.advance(500)
    await Promise.all(all)
    expect(sentAt).toEqual([0, 0, 100, 200])
  })

  it('retries what servers ask to be retried, and returns the last answer', async () => {
    const { clock, send, sentAt } = scripted([answer(500), answer(502), answer(504), answer(503)], {
      retry: { ...retry, maxRetries: 3 },
    })
    const response = send('http://a.example/')
    await clock.advance(10_000)
    expect((await response).status).toBe(503)
    expect(await (await response).text()).toBe('x')
    expect(sentAt).toEqual([0, 100, 300, 700])
  })

  it('retries network errors, and no other status', async () => {
    const failing = scripted([new TypeError('fetch failed')], { retry })
    const response = failing.send('http://a.example/')
    await failing.clock.advance(100)
    expect((await response).status).toBe(200)
    const { send, sentAt } = scripted([answer(404)], { retry })
    expect((await send('http://a.example/')).status).toBe(404)
    expect(sentAt).toHaveLength(1)
    const lost = scripted(
      Array.from({ length: 4 }, () => new TypeError('fetch failed')),
      { retry },
    )
    const outcome = lost.send('http://a.example/').catch((error: unknown) => error)
    await lost.clock.advance(10_000)
    expect(RetryExhaustedError.is(await outcome)).toBe(true)
  })

  it.each([
    ['', {}],
    [' that held a place', { bulkhead: { maxConcurrent: 1 } }],
  ])('retries an answer%s whose connection was reset', async (_, options) => {
    const { clock, send, sentAt } = scripted([broken(503), broken(502)], { retry, ...options })
    const response = send('http://a.example/')
    await clock.advance(10_000)
    expect(await (await response).text()).toBe('ok')
    expect(sentAt).toEqual([0, 100, 300])
  })

  it('tells why it gave up after an answer whose connection was reset', async () => {
    const { clock, send } = scripted([broken(503)], { retry })
    const controller = new AbortController()
    const response = send('http://a.example/', { signal: controller.signal })
    await clock.advance(50)
    controller.abort(new Error('enough'))
    await expect(response).rejects.toThrow('enough')
  })

  it('retries only idempotent methods, unless asked', async () => {
    const { send, sentAt } = scripted([answer(503)], { retry })
    expect((await send('http://a.example/', { method: 'POST', body: 'x' })).status).toBe(503)
    expect(sentAt).toHaveLength(1)
    const asked = scripted([answer(500)], { retry, retryMethods: ['post'] })
    const response = asked.send('http://a.example/', { method: 'POST', body: 'x' })
    await asked.clock.advance(100)
    expect((await response).status).toBe(200)
  })

  it.each([
    ['a string', () => 'abc'],
    ['bytes', () => new TextEncoder().encode('abc')],
    ['a Blob', () => new Blob(['abc'])],
    ['parameters', () => new URLSearchParams({ a: 'b' })],
    ['a function that makes a stream', () => () => new Blob(['abc']).stream()],
    ['a function that makes a stream of Node', () => () => Readable.from([Buffer.from('abc')]) as never],
  ])('sends %s again', async (_, body) => {
    const bodies: string[] = []
    const { origin } = await serve(
      (request, response, count) =>
        void read(request).then((text) => {
          bodies.push(text)
          response.statusCode = count < 3 ? 503 : 200
          response.end()
        }),
    )
    const send = policyFetch({ retry: { initialDelayMs: 1 } })
    expect((await send(origin, { method: 'PUT', body: body() })).status).toBe(200)
    expect(new Set(bodies).size).toBe(1)
    expect(bodies).toHaveLength(3)
    expect(bodies[0]).not.toBe('')
  })

  it('sends a Request with a body again', async () => {
    const bodies: string[] = []
    const { origin } = await serve(
      (request, response, count) =>
        void read(request).then((text) => {
          bodies.push(text)
          response.statusCode = count < 3 ? 503 : 200
          response.end()
        }),
    )
    expect(
      (await policyFetch({ retry: { initialDelayMs: 1 } })(new Request(origin, { method: 'PUT', body: 'abc' }))).status,
    ).toBe(200)
    expect(bodies).toEqual(['abc', 'abc', 'abc'])
  })

  it('does not retry a stream, and says so', async () => {
    const { origin } = await serve((request) => void request.socket.destroy())
    const send = policyFetch({ retry })
    const body = new Blob(['abc']).stream()
    await expect(send(origin, { method: 'PUT', body })).rejects.toThrow(
      'it was not retried, since its body is a stream',
    )
  })

  it('gives up an attempt without an answer, and reads a slow body to its end', async () => {
    const { origin } = await serve((request, response, count) => {
      if (count === 1) return
      response.write('a')
      setTimeout(() => response.end('b'), 1500)
    })
    const send = policyFetch({ timeoutMs: 1000, retry: { maxRetries: 1, initialDelayMs: 1 } })
    expect(await (await send(origin)).text()).toBe('ab')
    const { origin: silent } = await serve(() => undefined)
    await expect(policyFetch({ timeoutMs: 50 })(silent)).rejects.toSatisfy((error) => TimeoutExceededError.is(error))
  })

  it('waits for no fetch that looks at no signal, and keeps its place until it ends', async () => {
    const pending: ((response: Response) => void)[] = []
    const fetch = () => new Promise<Response>((resolve) => pending.push(resolve))
    const options = { fetch, bulkhead: { maxConcurrent: 2, maxQueue: 0 }, breaker: { failureThreshold: 1 } }
    const { clock, send } = scripted([], { ...options, timeoutMs: 100 })
    const late = expect(send('http://a.example/')).rejects.toThrow('no answer within 100 ms')
    const controller = new AbortController()
    const aborted = expect(send('http://a.example/', { signal: controller.signal })).rejects.toThrow('enough')
    await clock.advance(50)
    controller.abort(new Error('enough'))
    await aborted
    await clock.advance(50)
    await late
    await expect(send('http://a.example/')).rejects.toThrow(BulkheadRejectedError)
    for (const one of pending) one(new Response('x'))
    await new Promise(setImmediate)
    // The breaker has heard of the one that came late.
    await expect(send('http://a.example/')).rejects.toThrow(CircuitOpenError)
  })

  it.each<[string, PolicyFetchOptions]>([
    ['an abort', {}],
    ['an abort, under a time limit', { timeoutMs: 60_000 }],
    ['a time limit', { timeoutMs: 500 }],
    ['a time limit, under retries', { timeoutMs: 500, retry: { maxRetries: 1, initialDelayMs: 0 } }],
    ['an abort, under retries', { retry }],
    ['an abort, under a hedge', { hedge: { afterMs: 60_000 } }],
  ])('has freed the place of a request that has ended by the time its caller hears of %s', async (_, options) => {
    const { origin, count } = await serve((_request, response) => {
      if (count() > 1) response.end('ok')
    })
    const send = policyFetch({ ...options, bulkhead: { maxConcurrent: 1, maxQueue: 0 } })
    const controller = new AbortController()
    const again = send(origin, { signal: controller.signal }).catch(() => send(origin))
    await expect.poll(count).toBeGreaterThan(0)
    if (options.timeoutMs !== 500) controller.abort()
    expect(await (await again).text()).toBe('ok')
  })

  it('tells of its time limit, whatever a fetch that is aborted says', async () => {
    const fetch = (_: unknown, { signal }: { signal: AbortSignal }): Promise<Response> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('own', 'AbortError'))))
    const send = policyFetch({ fetch: fetch as typeof globalThis.fetch, timeoutMs: 20 })
    await expect(send('http://a.example/')).rejects.toThrow(TimeoutExceededError)
  })

  it('sends nothing for a signal that was aborted before', async () => {
    const { send, sentAt } = scripted([], { limit: { requestsPerSecond: 1, waitOnLimit: false } })
    await expect(send('http://a.example/', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
    await send('http://a.example/')
    expect(sentAt).toHaveLength(1)
  })

  it('takes from a mock what it has', async () => {
    const answers = [
      { ok: true, json: () => 1 },
      { ok: true, status: 200, headers: new Headers(), json: () => 1 },
    ]
    const fetch = () => Promise.resolve(answers.shift() as unknown as Response)
    const send = policyFetch({ fetch, retry, breaker: {}, bulkhead: { maxConcurrent: 1, maxQueue: 0 } })
    for (let n = 0; n < 2; n++) expect(await (await send('http://a.example/')).json()).toBe(1)
    const ofText = policyFetch({ fetch: () => Promise.resolve({ body: 'x' } as never), timeoutMs: 60_000 })
    expect((await ofText('http://a.example/', { signal: new AbortController().signal })).body).toBe('x')
  })

  it('has a timer that Node can count for any time limit', async () => {
    const delays: number[] = []
    const clock = { now: () => 0, setTimeout: (_: () => void, ms: number) => void delays.push(ms), clearTimeout() {} }
    await scripted([], { timeoutMs: 2 ** 31, clock }).send('http://a.example/')
    expect(delays).toEqual([2 ** 31 - 1])
  })

  it('opens a breaker by network errors and 5xx, not by 429', async () => {
    const { send } = scripted([answer(429), answer(429), answer(500), new TypeError('fetch failed')], {
      breaker: { failureThreshold: 2 },
    })
    for (let i = 0; i < 3; i++) await send('http://a.example/')
    await expect(send('http://a.example/')).rejects.toThrow('fetch failed')
    await expect(send('http://a.example/')).rejects.toSatisfy((error) => CircuitOpenError.is(error))
    expect((await send('http://b.example/')).status).toBe(200)
  })

  it('holds a place until the body has ended or was cancelled', async () => {
    const { send, sentAt } = scripted([], { bulkhead: { maxConcurrent: 1 } })
    const first = await send('http://a.example/')
    const second = send('http://a.example/')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(sentAt).toHaveLength(1)
    expect(await first.text()).toBe('ok')
    const third = send('http://a.example/')
    await (await second).body?.cancel()
    await (await third).text()
    expect(sentAt).toHaveLength(3)
  })

  it.each([
    ['that its request is aborted', (controller: AbortController) => controller.abort()],
    ['that the server resets the connection', (_: AbortController, server: Server) => server.closeAllConnections()],
  ])('frees the place of an answer that nobody reads when it breaks: %s', async (_, breaks) => {
    const { origin } = await serve((_request, response, count) => {
      if (count === 1) response.write('a')
      else response.end('b')
    })
    const send = policyFetch({ bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
    const controller = new AbortController()
    await send(origin, { signal: controller.signal })
    breaks(controller, servers[0]!)
    expect(await (await send(origin)).text()).toBe('b')
  })

  it('frees the place of a small answer that nobody reads once it is here, and gives all of it to who reads it later', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(500, { 'content-length': 10_000 }).write('a'.repeat(9999))
      setTimeout(() => response.end('b'), 20)
    })
    const send = policyFetch({ bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
    const first = await send(origin)
    await send(origin)
    expect(await first.text()).toBe(`${'a'.repeat(9999)}b`)
  })

  it('frees the place of an answer that has no body, though nobody looks for one', async () => {
    const { origin } = await serve(({ method, url }, response) => {
      if (method === 'HEAD') response.writeHead(200, { 'content-length': 10 }).end()
      else response.writeHead(url === '/none' ? 204 : 200, url === '/none' ? {} : { 'content-length': 0 }).end()
    })
    const send = policyFetch({ bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
    const asked = [['/'], ['/none'], ['/', { method: 'HEAD' }], ['/', { method: 'POST', body: 'a' }]] as const
    for (const [path, init] of asked) expect((await send(`${origin}${path}`, init)).ok).toBe(true)
    expect((await send(origin)).status).toBe(200)
  })

  it('lets what sends a request ask its handler for what every object has', () => {
    const handler = { onError: () => undefined }
    const dispatch = policyInterceptor()((_, given: object) => given.valueOf() === handler)
    expect(dispatch(path('/'), handler)).toBe(true)
  })

  it.each(['policyFetch', 'policyInterceptor'])(
    '%s has an adaptive limit learn nothing from failures, and go down by time limits',
    async (form) => {
      const clock = new FakeClock()
      const name = `http-fetch adaptive ${form} ${process.pid}`
      const adaptive = { maxConcurrent: 'adaptive' as const }
      const options = { name, clock, per: () => 'all', bulkhead: adaptive }
      let error: Error = new TypeError('fetch failed')
      const fails = (failed: (error: Error) => void): void => void clock.setTimeout(() => failed(error), 5)
      const get = policyFetch({ ...options, fetch: () => new Promise((_, failed) => fails(failed)) })
      const dispatch = policyInterceptor(options)((_, handler: UndiciHandler) => {
        fails((error) => handler.onResponseError(null, error))
        return true
      })
      const send = (): Promise<unknown> =>
        form === 'policyFetch'
          ? get('http://a.example/')
          : new Promise((_, failed) =>
              dispatch(path('/'), {
                onRequestStart: () => undefined,
                onResponseError: (_: unknown, e: Error) => failed(e),
              }),
            )
      const keepBusy = async (ms: number): Promise<number> => {
        const endMs = clock.now() + ms
        const callers = Array.from({ length: 40 }, async () => {
          while (clock.now() < endMs) await send().catch(() => undefined)
        })
        while (clock.now() < endMs + 100) await clock.advance(5)
        await Promise.all(callers)
        return bulkhead({ ...adaptive, name: `${name}%bulkhead all`, clock }).maxConcurrent
      }
      expect(await keepBusy(2000)).toBe(16)
      error = new DOMException('too late', 'TimeoutError')
      expect(await keepBusy(1000)).toBeLessThan(10)
    },
  )

  it('frees the places of answers of a hedge that came second', async () => {
    const pending: ((response: Response) => void)[] = []
    const fetch = () => new Promise<Response>((resolve) => pending.push(resolve))
    const { clock, send } = scripted([], { fetch, hedge: { afterMs: 5 }, bulkhead: { maxConcurrent: 2, maxQueue: 0 } })
    for (const isLater of [false, false, true, true]) {
      const response = send('http://a.example/')
      await clock.advance(5)
      await new Promise(setImmediate)
      const [first, second] = pending.splice(0)
      second!(new Response('second'))
      if (isLater) expect(await (await response).text()).toBe('second')
      first!(new Response('first'))
      if (!isLater) expect(await (await response).text()).toBe('second')
      await new Promise(setImmediate)
    }
  })

  it('frees the place of an answer that comes after its request was aborted', async () => {
    const pending: ((response: Response) => void)[] = []
    const fetch = () => new Promise<Response>((resolve) => pending.push(resolve))
    const { send } = scripted([], { fetch, retry, bulkhead: { maxConcurrent: 1, maxQueue: 0 } })
    for (let n = 0; n < 3; n++) {
      const controller = new AbortController()
      const response = send('http://a.example/', { signal: controller.signal })
      await new Promise(setImmediate)
      controller.abort(new Error('enough'))
      await expect(response).rejects.toThrow('enough')
      pending.pop()!(new Response('x'))
      await new Promise(setImmediate)
    }
  })

  it('shares a pause of one name, whatever the name holds', async () => {
    const name = `http-fetch/${process.pid}`
    const one = policyFetch({ name, fetch: () => Promise.resolve(answer(429, { 'retry-after': '30' })) })
    await one('http://a.example/')
    const two = policyFetch({ name, limit: { requestsPerSecond: 1, waitOnLimit: false } })
    await expect(two('http://a.example/')).rejects.toSatisfy((error) => RateLimitExceeded.is(error))
  })

  it('takes names and origins of any length', async () => {
    const name = `http-fetch ${process.pid}`.padEnd(200, '-')
    const per = ({ url }: { url: string }): string => url
    const options = { name, per, bulkhead: { maxConcurrent: 1 }, breaker: { failureThreshold: 1 }, limit: {} }
    const url = `http://a.example/${'x'.repeat(200)}`
    const answers = [answer(500), answer(200)]
    const fetch = () => Promise.resolve(answers.shift()!)
    const [one, two] = [policyFetch({ ...options, fetch }), policyFetch({ ...options, fetch })]
    expect((await one(url)).status).toBe(500)
    await expect(two(url)).rejects.toSatisfy((error) => CircuitOpenError.is(error))
    expect((await two(`${url}2`)).status).toBe(200)
    modelFetch({ rpm: 60, tpm: 60, name })
  })

  it.each(['/relative', '', 'no url'])('refuses the URL %j by the name of its argument', async (url) => {
    let isSent = false
    const fetch = async (): Promise<Response> => ((isSent = true), new Response(''))
    await expect(policyFetch({ limit: {}, fetch })(url)).rejects.toThrow(
      `url must be absolute, such as 'https://api.example.org/items'; received ${JSON.stringify(url)} (string)`,
    )
    expect(isSent).toBe(false)
  })

  it('refuses bad options with what it takes', () => {
    expect(() => policyFetch({ retries: 3 } as PolicyFetchOptions)).toThrow("unknown policyFetch option 'retries'")
    expect(() => policyFetch({ timeoutMs: 0 })).toThrow('timeoutMs must be a finite number > 0; received 0 (number)')
    expect(() => policyFetch({ maxOrigins: 0 })).toThrow('maxOrigins must be an integer >= 1')
    expect(() => policyFetch({ per: 'host' as 'origin' })).toThrow('per must be a function; received "host" (string)')
    expect(() => policyFetch({ retry: { maxRetries: -1 } })).toThrow('maxRetries must be')
    expect(() => policyFetch({ limit: { requestsPerSecond: 0 } })).toThrow('requestsPerSecond must be')
  })

  it.each([
    [{ bulkhead: { maxConcurrent: -1 } }, 'maxConcurrent must be an integer >= 1'],
    [{ bulkhead: { places: 1 } }, "unknown bulkhead option 'places'"],
    [{ breaker: { failureThreshold: 'x' } }, 'failureThreshold must be an integer >= 1'],
    [{ limit: 5 }, 'limit options must be an object; received 5 (number)'],
    [{ limit: null }, 'limit options must be an object; received null'],
    [{ bulkhead: 5 }, 'bulkhead options must be an object; received 5 (number)'],
    [{ breaker: true }, 'breaker options must be an object; received true (boolean)'],
    [{ breaker: { name: 'api' } }, "unknown breaker option 'name'"],
    [{ bulkhead: { name: 'api', maxConcurrent: 5 } }, "unknown bulkhead option 'name'"],
    [{ bulkhead: { key: 'host' } }, "unknown bulkhead option 'key'"],
    [{ limit: { scope: 'machine' } }, "unknown limit option 'scope': it stands beside 'limit', for all origins"],
    [
      { limit: new RateLimiter() },
      'limit must be options, as each origin has its own; received an object (RateLimiter)',
    ],
  ])('refuses %j when it is made, as policyInterceptor does', (options, message) => {
    expect(() => policyFetch(options as PolicyFetchOptions)).toThrow(message)
    expect(() => policyInterceptor(options as PolicyFetchOptions)).toThrow(message)
  })

  it.each([
    [{ retry: 5 }, 'retry options must be an object; received 5 (number)'],
    [{ hedge: true }, 'hedge options must be an object; received true (boolean)'],
    [{ retryMethods: 'POST' }, `retryMethods must be an array of methods, such as ['POST']; received "POST" (string)`],
    [{ retryMethods: ['PUT', 1] }, 'retryMethods[1] must be a string; received 1 (number)'],
    [null, 'policyFetch options must be an object; received null'],
  ])('refuses %j when it is made', (options, message) => {
    expect(() => policyFetch(options as PolicyFetchOptions)).toThrow(message)
  })

  it.each(['//b.example/x', '//', '/a//b'])('counts the path %s for its own origin', (own) => {
    const seen: string[] = []
    const per = ({ url }: { url: string }): string => (seen.push(url), 'all')
    expect(policyInterceptor({ per })(() => true)(path(own), {})).toBe(true)
    expect(seen).toEqual([`http://a.example${own}`])
  })

  it('refuses what are no options of an interceptor', () => {
    const wrong = 5 as unknown as PolicyFetchOptions
    expect(() => policyInterceptor(wrong)).toThrow('policyInterceptor options must be an object; received 5 (number)')
  })
})
