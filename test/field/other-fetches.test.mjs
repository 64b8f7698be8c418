// policyFetch around what is not Node's own fetch, whose requests and answers have classes of their own.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { modelFetch, policyFetch } from 'amorsize/http'
import ky from 'ky'
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import nodeFetch from 'node-fetch'
import { fetch as undiciFetch, FormData as UndiciFormData, Request as UndiciRequest } from 'undici'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'

// Answers every other request with status 503, and the others with what they sent; /moved leads to another origin, which asks to be left alone.
let count
const server = createServer(async (req, res) => {
  if (req.url === '/moved') {
    res.writeHead(307, { location: `${busy}/busy` }).end()
    return
  }
  if (req.method === 'HEAD' || req.url === '/empty') {
    res.writeHead(200, { 'content-length': req.method === 'HEAD' ? 10 : 0 }).end()
    return
  }
  if (req.url === '/down') {
    res.writeHead(500, { 'content-length': 4 }).end('down')
    return
  }
  // Nobody answers.
  if (req.url === '/hang') return
  if (req.url === '/busy') {
    res.writeHead(429, { 'retry-after': '30' }).end('busy')
    return
  }
  res.statusCode = req.url === '/half' && count++ % 2 === 0 ? 503 : 200
  let body = ''
  for await (const chunk of req) body += chunk
  res.end(JSON.stringify({ sent: body.length }))
})

let origin
let busy
beforeAll(async () => {
  server.listen(0)
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
  busy = `http://localhost:${server.address().port}`
})
beforeEach(() => (count = 0))
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

const retry = { initialDelayMs: 1, maxRetries: 1 }

it("sends undici's own Request, and its FormData once more", async () => {
  const send = policyFetch({ fetch: undiciFetch, retry, retryMethods: ['POST'] })
  expect((await send(new UndiciRequest(`${origin}/plain`))).status).toBe(200)
  const form = new UndiciFormData()
  form.set('name', 'value')
  const response = await send(`${origin}/half`, { method: 'POST', body: form })
  expect(response.status).toBe(200)
  expect((await response.json()).sent).toBeGreaterThan(50)
  expect(count).toBe(2)
})

it('holds no place for an answer of node-fetch without a body', async () => {
  const send = policyFetch({ fetch: nodeFetch, bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
  for (const method of ['HEAD', 'GET', 'POST', 'GET']) expect((await send(`${origin}/empty`, { method })).ok).toBe(true)
})

it('retries node-fetch, and holds a place until its body, a Node stream, has ended', async () => {
  const send = policyFetch({ fetch: nodeFetch, retry, bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
  const first = await send(`${origin}/half`)
  expect(first.status).toBe(200)
  let isAnswered = false
  const second = send(`${origin}/plain`).then((response) => {
    isAnswered = true
    return response
  })
  await new Promise((resolve) => setTimeout(resolve, 30)) // a chance to come too soon
  expect(isAnswered).toBe(false)
  expect(await first.json()).toEqual({ sent: 0 })
  expect(await (await second).json()).toEqual({ sent: 0 })
})

it('says that modelFetch cannot read the stream of node-fetch', async () => {
  const send = modelFetch({ rpm: 600, tpm: 1e6, fetch: nodeFetch })
  await expect(send(`${origin}/plain`, { method: 'POST', body: '{}' })).rejects.toThrow(
    "fetch must answer with a web stream, as the global fetch does; received a Node stream's body",
  )
})

it('leaves an answer its URL where ky clones it', async () => {
  const urls = []
  const client = ky.create({
    fetch: policyFetch({ bulkhead: { maxConcurrent: 2 } }),
    hooks: { afterResponse: [({ response }) => void urls.push(response.url, response.clone().url)] },
  })
  expect(await client.get(`${origin}/plain`).json()).toEqual({ sent: 0 })
  expect(urls).toEqual([`${origin}/plain`, `${origin}/plain`])
})

it('holds no place for errors of ky, which leaves their bodies unread', async () => {
  const fetch = policyFetch({ bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } })
  for (let i = 0; i < 3; i++)
    await expect(ky.get(`${origin}/down`, { fetch, retry: 0 })).rejects.toMatchObject({ name: 'HTTPError' })
})

it('pauses the origin that a redirect has led to, not the one that was asked', async () => {
  const send = policyFetch({ limit: { requestsPerSecond: 1000, maxWaitMs: 1000 } })
  expect((await send(`${origin}/moved`)).status).toBe(429)
  expect((await send(`${origin}/plain`)).status).toBe(200)
  await expect(send(`${busy}/plain`)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED' })
})

it('retries what MSW answers, of which it keeps clones that nobody reads', async () => {
  let calls = 0
  const mock = setupServer(
    http.get('http://api.test/*', () =>
      ++calls < 3 ? new HttpResponse('x'.repeat(100_000), { status: 503 }) : HttpResponse.json({ calls }),
    ),
  )
  mock.listen({ onUnhandledRequest: 'bypass' })
  try {
    for (const places of [{}, { bulkhead: { maxConcurrent: 1 } }]) {
      calls = 0
      const send = policyFetch({ ...places, retry: { initialDelayMs: 1, maxRetries: 3 } })
      expect(await (await send('http://api.test/a')).json()).toEqual({ calls: 3 })
    }
  } finally {
    mock.close()
  }
})
