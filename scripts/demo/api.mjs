// The API that the demo crawls: a process of its own on loopback that serves the files under node_modules and answers
// 429 beyond its limit. Its token bucket is its own few lines: it must not share a fault with the package it tests.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { resolve, sep } from 'node:path'
import { apiLimit } from './limits.mjs'
import { served } from './files.mjs'

let tokens = apiLimit.burstSize
let countedToMs = performance.now() // monotonic
const answered = { ok: 0, tooMany: 0, other: 0 }

function takeToken() {
  const nowMs = performance.now()
  tokens = Math.min(apiLimit.burstSize, tokens + ((nowMs - countedToMs) / 1000) * apiLimit.requestsPerSecond)
  countedToMs = nowMs
  if (tokens < 1) return false
  tokens -= 1
  return true
}

const server = createServer((request, response) => {
  if (!takeToken()) {
    answered.tooMany++
    response.writeHead(429, { 'retry-after': '1' }).end()
    return
  }
  const path = resolve(served, `.${decodeURIComponent(request.url)}`)
  const inside = path.startsWith(served + sep)
  const body = inside ? readFile(path) : Promise.reject(new Error('outside of what is served'))
  body.then(
    (data) => {
      answered.ok++
      response.writeHead(200, { 'content-length': data.length }).end(data)
    },
    () => {
      answered.other++
      response.writeHead(404).end()
    },
  )
})
server.keepAliveTimeout = 60_000

// The parent asks for the counts, and its end is the server's end.
process.on('message', () => process.send({ answered }))
process.on('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
