// Crawls a server that allows some 250 requests per second and fails now and then. One limiter keeps the rate for all items, and each item
// is retried by itself. execute finds that the items wait rather than compute, so it runs many at once in this thread.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { execute, RateLimiter, rateLimit, retry } from 'amorsize'

const pages = 400
const seen = { requests: 0, refused: 0, failed: 0 }
const recent = []
const server = createServer((request, response) => {
  seen.requests++
  const now = performance.now()
  while (recent.length > 0 && recent[0] <= now - 1000) recent.shift()
  if (recent.length >= 250) {
    seen.refused++
    response.writeHead(429, { 'retry-after': '1' }).end()
    return
  }
  recent.push(now)
  if (seen.requests % 10 === 0) {
    seen.failed++
    response.writeHead(503).end()
    return
  }
  setTimeout(() => response.end(`page ${request.url}`), 50)
}).listen(0, '127.0.0.1')
await once(server, 'listening')

async function fetchPage(url) {
  const response = await fetch(url)
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { response }) // its Retry-After is obeyed
  return (await response.text()).length
}

const urls = Array.from({ length: pages }, (_, i) => `http://127.0.0.1:${server.address().port}/${i}`)
const limiter = new RateLimiter({ requestsPerSecond: 200, burstSize: 20 })
const start = performance.now()
// Outermost first: each attempt of a retry takes a token of its own.
const lengths = await execute(fetchPage, urls, {
  policies: [retry({ maxRetries: 8, initialDelayMs: 20 }), rateLimit(limiter)],
})
const seconds = (performance.now() - start) / 1000

console.log(`${lengths.length} pages in ${seconds.toFixed(1)} s, ${(seen.requests / seconds).toFixed(0)} requests/s`)
console.log(`the server saw ${seen.requests} requests, failed ${seen.failed} and refused ${seen.refused}`)
server.close()
server.closeAllConnections()
