// A crawler of several hosts, with one function for all of them. Each host has a rate, a breaker and the pauses it asks for, and no host
// delays another. Three servers play the hosts: one works, one refuses more than ten requests per second, and one is down.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { execute } from 'amorsize'
import { policyFetch } from 'amorsize/http'

const PAGES = 60

const hosts = { well: await startHost(() => 200), busy: await startHost(atMost(10)), down: await startHost(() => 500) }

const get = policyFetch({
  limit: { requestsPerSecond: 50, burstSize: 5 },
  retry: { maxRetries: 2, initialDelayMs: 20 },
  // A breaker that is open for longer than retries wait (`maxDelayMs`, a minute) refuses at once.
  breaker: { failureThreshold: 5, resetTimeoutMs: 300_000 },
  timeoutMs: 5000,
})

async function crawl({ host, page }) {
  const response = await get(`http://127.0.0.1:${hosts[host].port}/${page}`)
  await response.text()
  return response.ok
}

const items = Array.from({ length: PAGES }, (_, page) => Object.keys(hosts).map((host) => ({ host, page }))).flat()
// Items that fail are collected, not thrown, so the others continue.
const results = await execute(crawl, items, { mode: 'async', onError: 'collect' })

for (const [host, { server, seen }] of Object.entries(hosts)) {
  const got = results.filter((result, n) => items[n].host === host && result.value === true).length
  console.log(`${host}: ${got} of ${PAGES} pages; the host saw ${seen.requests} requests and refused ${seen.refused}`)
  server.close()
  server.closeAllConnections()
}

/** Starts a server whose answers have the status that `statusNow` returns. */
async function startHost(statusNow) {
  const seen = { requests: 0, refused: 0 }
  const server = createServer((request, response) => {
    seen.requests++
    const status = statusNow()
    if (status === 429) seen.refused++
    response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end(request.url)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, seen, port: server.address().port }
}

/** Answers 429 beyond this many requests in a second. */
function atMost(perSecond) {
  const recent = []
  return () => {
    const nowMs = performance.now()
    while (recent.length > 0 && recent[0] <= nowMs - 1000) recent.shift()
    if (recent.length >= perSecond) return 429
    recent.push(nowMs)
    return 200
  }
}
