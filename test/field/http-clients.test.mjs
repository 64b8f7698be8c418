import { once } from 'node:events'
import { createServer } from 'node:http'
import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs'
import { circuitBreaker, execute, hedge, pipeline, retry, timeout, withRetry } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import axios from 'axios'
import got from 'got'
import { fetch as undiciFetch, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

// Refuses the first request to each path, with the headers that the query names; says what it got.
let asked
let openNow = 0
const server = createServer((req, res) => {
  openNow++
  res.on('close', () => openNow--)
  const { pathname, searchParams } = new URL(req.url, 'http://localhost')
  const nth = (asked.get(pathname) ?? 0) + 1
  asked.set(pathname, nth)
  if (pathname.startsWith('/hang')) {
    if (nth > Number(searchParams.get('times') ?? 1)) res.end('late')
    return
  }
  if (nth === 1) {
    for (const [name, value] of searchParams) res.setHeader(name, value)
    // The AWS client writes the whole query itself.
    if (req.method === 'POST') res.setHeader('retry-after', '9')
    res.statusCode = 429
    res.setHeader('content-type', 'application/x-amz-json-1.0')
    res.end('{"__type":"ThrottlingException"}')
    return
  }
  res.setHeader('content-type', 'application/x-amz-json-1.0')
  res.end(JSON.stringify({ QueueUrl: `nth ${nth}` }))
})

let origin
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
beforeEach(() => (asked = new Map()))
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

/** What made the response an error, as programs over fetch write it. */
class HttpError extends Error {
  constructor(response) {
    super(`status ${response.status}`)
    this.response = response
  }
}

/** By name: a client that throws for status 429. */
const clients = {
  fetch: async (url) => {
    const response = await fetch(url)
    if (!response.ok) throw new HttpError(response)
    return response.json()
  },
  'fetch of undici': async (url) => {
    const response = await undiciFetch(url)
    if (!response.ok) throw new HttpError(response)
    return response.json()
  },
  'request of undici': async (url) => {
    const { statusCode, headers, body } = await request(url)
    const value = await body.json()
    if (statusCode !== 200) throw Object.assign(new Error(`status ${statusCode}`), { headers, statusCode })
    return value
  },
  axios: async (url) => (await axios.get(url)).data,
  got: (url) => got(url, { retry: { limit: 0 } }).json(),
  'headers with capitals in a plain object': async (url) => {
    const { statusCode, headers, body } = await request(url)
    const value = await body.json()
    const capitals = Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase()),
        text,
      ]),
    )
    if (statusCode !== 200) throw Object.assign(new Error(`status ${statusCode}`), { response: { headers: capitals } })
    return value
  },
}

/** How long the policy waits before the second attempt, on a clock that only the test moves. */
async function delayOf(call) {
  const clock = new FakeClock()
  const delays = []
  const policy = retry({
    maxRetries: 1,
    initialDelayMs: 1,
    jitter: 'none',
    clock,
    onRetry: (_e, _n, ms) => delays.push(ms),
  })
  const outcome = policy.execute(call)
  let settled = false
  outcome.then(
    () => (settled = true),
    () => (settled = true),
  )
  while (!settled) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (delays.length > 0) await clock.advance(delays[0])
  }
  return { delays, value: await outcome }
}

describe.each(Object.entries(clients))('Retry-After is heard behind %s', (_, client) => {
  const headers = {
    seconds: ['retry-after=7', 7000],
    milliseconds: ['retry-after-ms=1500', 1500],
    'a date by the clock of the server': [
      `retry-after=${encodeURIComponent('Thu, 01 Jan 2026 00:00:30 GMT')}&date=${encodeURIComponent('Thu, 01 Jan 2026 00:00:10 GMT')}`,
      20_000,
    ],
    'what nobody can read': ['retry-after=soon', 1],
    nothing: ['', 1],
  }
  it.each(Object.entries(headers))('%s', async (name, [query, delayMs]) => {
    const url = `${origin}/${encodeURIComponent(name)}?${query}`
    expect(await delayOf(() => client(url))).toEqual({ delays: [delayMs], value: { QueueUrl: 'nth 2' } })
  })
})

describe('the AWS client', () => {
  it('Retry-After is heard in its error, which holds the response as $response', async () => {
    const client = new SQSClient({
      endpoint: origin,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxAttempts: 1,
    })
    const { delays } = await delayOf(() => client.send(new GetQueueUrlCommand({ QueueName: 'q' })))
    expect(delays).toEqual([9000])
    client.destroy()
  })

  it('an error that tells retryAfter in seconds, as Retry-After errors of SDKs do', async () => {
    let calls = 0
    const { delays } = await delayOf(async () => {
      if (++calls === 1) throw Object.assign(new Error('slow down'), { retryAfter: 3 })
      return 1
    })
    expect(delays).toEqual([3000])
  })
})

describe('policies around real requests', () => {
  it('a timeout ends the request, not only the wait for it', async () => {
    const policy = timeout(50)
    await expect(policy.execute(({ signal }) => fetch(`${origin}/hang/1?times=9`, { signal }))).rejects.toMatchObject({
      code: 'ERR_TIMEOUT_EXCEEDED',
    })
    await expect.poll(() => openNow).toBe(0)
    await expect(
      policy.execute(({ signal }) => axios.get(`${origin}/hang/2?times=9`, { signal })),
    ).rejects.toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED' })
    await expect.poll(() => openNow).toBe(0)
  })

  it('a hedge answers by its second request, and ends the first', async () => {
    const response = await hedge({ afterMs: 30 }).execute(({ signal }) => fetch(`${origin}/hang/3`, { signal }))
    expect(await response.text()).toBe('late')
    await expect.poll(() => openNow).toBe(0)
  })

  it('retry around a timeout: the second request answers', async () => {
    const policy = pipeline(retry({ maxRetries: 2, initialDelayMs: 1 }), timeout(60))
    const response = await policy.execute(({ signal }) => undiciFetch(`${origin}/hang/4`, { signal }))
    expect(await response.text()).toBe('late')
  })

  it('the abort of the caller reaches the request', async () => {
    const controller = new AbortController()
    const policy = pipeline(timeout(10_000), retry())
    const call = policy.execute(({ signal }) => fetch(`${origin}/hang/5?times=9`, { signal }), controller)
    await expect.poll(() => openNow).toBe(1)
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    await expect.poll(() => openNow).toBe(0)
  })

  it('a breaker opens for a server that is gone, and names what it refuses', async () => {
    const gone = 'http://127.0.0.1:9'
    const breaker = circuitBreaker({ failureThreshold: 3 })
    for (let n = 0; n < 3; n++) await expect(breaker.execute(() => fetch(gone))).rejects.toThrow('fetch failed')
    await expect(breaker.execute(() => fetch(gone))).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
  })

  it('wrapped clients keep their own properties: axios.get, got.extend', async () => {
    const guardedAxios = withRetry({ maxRetries: 1, initialDelayMs: 1 })(axios)
    expect(typeof guardedAxios.get).toBe('function')
    expect(guardedAxios.defaults).toBe(axios.defaults)
    expect((await guardedAxios(`${origin}/axios`)).data).toEqual({ QueueUrl: 'nth 2' })
    const guardedGot = withRetry({ maxRetries: 1, initialDelayMs: 1 })(got)
    expect(guardedGot.extend).toBe(got.extend)
    expect((await guardedGot(`${origin}/got`, { retry: { limit: 0 } })).statusCode).toBe(200)
  })

  it('fifty requests in execute, each retried once', async () => {
    const results = await execute(
      async (n) =>
        (
          await fetch(`${origin}/many/${n}`).then((response) =>
            response.ok ? response : Promise.reject(new HttpError(response)),
          )
        ).json(),
      Array.from({ length: 50 }, (_, n) => n),
      { policies: [retry({ maxRetries: 1, initialDelayMs: 1 })] },
    )
    expect(results).toEqual(Array.from({ length: 50 }, () => ({ QueueUrl: 'nth 2' })))
  })
})
