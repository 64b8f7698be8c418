// An API with a limit for every caller: two calls at once, then five per second. One caller floods it, another calls now and then,
// and thousands of addresses call once. It uses only loopback, and ends by itself.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { KeyedRateLimiter } from 'amorsize'

const perCaller = new KeyedRateLimiter({ requestsPerSecond: 5, burstSize: 2, capacity: 10_000 })

const server = createServer((request, response) => {
  // Behind your proxy this is the address that it forwards; here every caller sends its name.
  const caller = request.headers['x-caller'] ?? request.socket.remoteAddress
  if (perCaller.tryAcquire(caller)) return response.end('hello')
  response.writeHead(429, { 'retry-after-ms': String(Math.ceil(perCaller.retryAfterMs(caller))) }).end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`

async function call(caller) {
  const response = await fetch(url, { headers: { 'x-caller': caller } })
  await response.arrayBuffer()
  return response
}

async function floods() {
  const answers = { 200: 0, 429: 0 }
  const until = performance.now() + 2000
  while (performance.now() < until) answers[(await call('impatient')).status]++
  return answers
}

async function asksNowAndThen() {
  let refused = 0
  for (let i = 0; i < 8; i++) {
    if ((await call('patient')).status !== 200) refused++
    await new Promise((resolve) => setTimeout(resolve, 230))
  }
  return refused
}

const [flood, refused] = await Promise.all([floods(), asksNowAndThen()])
console.log(`impatient: ${flood[200]} answered in 2 s (a burst of 2 and 5 a second allow 12), ${flood[429]} refused`)
console.log(`patient: ${refused} of 8 refused`)

const waitMs = Number((await call('impatient')).headers.get('retry-after-ms'))
await new Promise((resolve) => setTimeout(resolve, waitMs))
console.log(`impatient, after the ${waitMs} ms it was told: ${(await call('impatient')).status}`)

for (let i = 0; i < 5000; i++) perCaller.tryAcquire(`203.0.113.${i}`)
console.log(`${perCaller.size} callers have less than a full bucket, in memory for ${perCaller.capacity}`)
server.close()
server.closeAllConnections()
