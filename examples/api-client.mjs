// An API on this machine fails, stalls and answers 429 by a script. A client calls it with more and more policies.
// The table shows what the server saw and what the callers got.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fallback, pipeline, rateLimit, retry, timeout } from 'amorsize'

const CALLS = 40
const STALL_MS = 1500
const LIMIT = { requests: 10, windowMs: 100 }

/** The server: every 9th request stalls, every 4th fails. Beyond 10 within 100 ms it answers 429, with retry-after-ms. */
class Server {
  seen = { requests: 0, answered: 0, failed: 0, limited: 0, stalled: 0 }
  #recent = []
  #http = createServer((request, response) => this.#answer(response))

  async start() {
    this.#http.listen(0, '127.0.0.1')
    await once(this.#http, 'listening')
    return `http://127.0.0.1:${this.#http.address().port}/user`
  }

  stop() {
    this.#http.closeAllConnections()
    this.#http.close()
  }

  #answer(response) {
    const number = ++this.seen.requests
    const now = performance.now()
    this.#recent = this.#recent.filter((at) => at > now - LIMIT.windowMs)
    if (this.#recent.length >= LIMIT.requests) {
      this.seen.limited++
      return response.writeHead(429, { 'retry-after-ms': String(LIMIT.windowMs) }).end()
    }
    this.#recent.push(now)
    if (number % 9 === 0) {
      this.seen.stalled++
      return void setTimeout(() => response.end('{"name":"Ada"}'), STALL_MS)
    }
    if (number % 4 === 0) {
      this.seen.failed++
      return response.writeHead(503).end()
    }
    this.seen.answered++
    response.end('{"name":"Ada"}')
  }
}

/** The client's own code: it knows nothing about policies, and only passes the signal on. */
async function getUser(url, signal) {
  const response = await fetch(url, { signal })
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { response })
  return response.json()
}

const retries = () => retry({ maxRetries: 6, initialDelayMs: 20 })
const clients = {
  'no policy': null,
  timeout: pipeline(timeout(200)),
  'retry, timeout': pipeline(retries(), timeout(200)),
  'retry, rate limit, timeout': pipeline(retries(), rateLimit({ requestsPerSecond: 90, burstSize: 1 }), timeout(200)),
  'fallback, total timeout, retry, rate limit, timeout': pipeline(
    fallback({ name: 'somebody' }),
    timeout(400),
    retries(),
    rateLimit({ requestsPerSecond: 90, burstSize: 1 }),
    timeout(200),
  ),
}

const rows = {}
for (const [name, policy] of Object.entries(clients)) {
  const server = new Server()
  const url = await server.start()
  const call = () => (policy === null ? getUser(url) : policy.execute(({ signal }) => getUser(url, signal)))
  const startedMs = performance.now()
  const results = await Promise.allSettled(Array.from({ length: CALLS }, call))
  const tookMs = Math.round(performance.now() - startedMs)
  server.stop()
  const { requests, answered, failed, limited, stalled } = server.seen
  const ok = results.filter(({ status, value }) => status === 'fulfilled' && value.name === 'Ada').length
  const substitutes = results.filter(({ status, value }) => status === 'fulfilled' && value.name !== 'Ada').length
  rows[name] = {
    requests,
    'HTTP 200': answered,
    'HTTP 503': failed,
    'HTTP 429': limited,
    stalled,
    '| a user': ok,
    'a substitute': substitutes,
    'an error': CALLS - ok - substitutes,
    'took ms': tookMs,
  }
}
console.log(`${CALLS} calls at once; left of | what the server saw, right of it what the callers got`)
console.table(rows)
