import { once } from 'node:events'
import { createServer } from 'node:http'
import { policyInterceptor } from 'amorsize/http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Agent, fetch as undiciFetch, request } from 'undici'

let server
let origin
const at = []
beforeAll(async () => {
  server = createServer((incoming, response) => {
    at.push(performance.now())
    if (incoming.url === '/busy') response.writeHead(429, { 'retry-after': '1' })
    response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
afterAll(() => server.close())

const agentWith = (options) => new Agent().compose(policyInterceptor(options))

it('dispatches what need not wait, by request and by fetch', async () => {
  const dispatcher = agentWith()
  const { statusCode, body } = await request(origin, { dispatcher })
  expect([statusCode, await body.text()]).toEqual([200, 'ok'])
  expect(await (await undiciFetch(origin, { dispatcher })).text()).toBe('ok')
})

it('keeps to a rate, in turn', async () => {
  const dispatcher = agentWith({ limit: { requestsPerSecond: 20, burstSize: 1 } })
  const started = performance.now()
  const answers = await Promise.all(Array.from({ length: 5 }, () => request(origin, { dispatcher })))
  for (const { body } of answers) await body.dump()
  expect(performance.now() - started).toBeGreaterThan(190)
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

it('fails the request, not the process, when it would wait too long or cannot be sent', async () => {
  const dispatcher = agentWith({ limit: { requestsPerSecond: 0.01, burstSize: 1, maxWaitMs: 100 } })
  await (await request(origin, { dispatcher })).body.dump()
  await expect(request(origin, { dispatcher })).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED' })
  const slow = agentWith({ limit: { requestsPerSecond: 20, burstSize: 1 } })
  await (await request(origin, { dispatcher: slow })).body.dump()
  await expect(request('http://127.0.0.1:1/', { dispatcher: slow })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(request('http://127.0.0.1:1/', { dispatcher: slow })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})
