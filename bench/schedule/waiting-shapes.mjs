// Items that wait: what each shape's items are and what is awaited for one of them. Random numbers are seeded: every process has the same items.
import { once } from 'node:events'
import { promises as fs, readdirSync, statSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomNumbers } from '../support/random-numbers.mjs'

/** The HTTP server of the shape `http-32` works on so many requests at once; others queue. */
const SLOTS = 32
const REQUEST_MS = 20
const MOST_FILES = 3000
const MOST_FILE_BYTES = 200_000

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const makeItems = (count, itemOf) => Array.from({ length: count }, (_, i) => itemOf(i))

function seeded() {
  const uniform = randomNumbers(7)
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}

function sleeping(title, count, msOf) {
  return {
    title,
    count,
    async start(items = count) {
      const random = seeded()
      return { items: makeItems(items, (i) => msOf(i, random)), fn: sleep }
    },
  }
}

function requesting(title, path) {
  return {
    title,
    count: 2000,
    async start(count = 2000) {
      const server = http.createServer(answering()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const agent = new http.Agent({ keepAlive: true, maxSockets: 512 })
      const { port } = server.address()
      const fn = (url) =>
        new Promise((resolve, reject) => {
          const request = http.get({ port, path: url, agent }, (response) => {
            response.resume()
            response.on('end', () => resolve(response.statusCode))
          })
          request.on('error', reject)
        })
      return { items: makeItems(count, () => path), fn }
    },
  }
}

function answering() {
  let busy = 0
  const queue = []
  return (request, response) => {
    const work = () => {
      busy++
      setTimeout(() => {
        busy--
        response.end('x')
        queue.shift()?.()
      }, REQUEST_MS)
    }
    if (request.url === '/free') setTimeout(() => response.end('x'), REQUEST_MS)
    else if (busy < SLOTS) work()
    else queue.push(work)
  }
}

function burn(ms) {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** Items that compute, wait, and compute again. */
function burning(title, { before = 0, waits, after = 0 }) {
  return {
    title,
    count: 400,
    async start(count = 400) {
      return {
        items: makeItems(count, () => waits),
        fn: async (ms) => {
          burn(before)
          await sleep(ms)
          burn(after)
        },
      }
    },
  }
}

export const shapes = {
  'sleep-10': sleeping('sleep 10 ms', 1000, () => 10),
  even: sleeping('1 to 60 ms, even', 1000, (i, { uniform }) => 1 + 59 * uniform()),
  lognormal: sleeping('lognormal, sigma 0.8', 1000, (i, { normal }) => 20 * Math.exp(0.8 * normal())),
  bimodal: sleeping('1 or 30 ms', 1000, (i, { uniform }) => (uniform() < 0.5 ? 1 : 30)),
  cached: {
    title: '50 instant, then 30 ms',
    count: 1000,
    async start(count = 1000) {
      return {
        items: makeItems(count, (i) => (i < 50 ? 0 : 30)),
        fn: (ms) => (ms === 0 ? Promise.resolve() : sleep(ms)),
      }
    },
  },
  'burn-and-wait': burning('compute 1 ms, wait 20 ms', { before: 1, waits: 20 }),
  'burn-5-and-wait': burning('compute 5 ms, wait 10 ms', { before: 5, waits: 10 }),
  'wait-and-burn': burning('wait 20 ms, compute 5 ms', { waits: 20, after: 5 }),
  'http-free': requesting('HTTP on loopback, 20 ms', '/free'),
  'http-32': requesting('HTTP on loopback, 20 ms, 32 slots', '/slots'),
  files: {
    title: 'fs.readFile',
    count: MOST_FILES,
    // A run takes 0.1 s, and as much longer or shorter as the kernel likes.
    timesRounds: 3,
    async start(count = MOST_FILES) {
      const files = []
      collect(fileURLToPath(new URL('../../node_modules/', import.meta.url)), files, count)
      return { items: files, fn: async (path) => (await fs.readFile(path)).length }
    },
  },
  'sleep-10-many': sleeping('sleep 10 ms, many', 10_000, () => 10),
}

function collect(folder, files, most) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (files.length >= most) return
    const path = join(folder, entry.name)
    if (entry.isDirectory()) collect(path, files, most)
    else if (entry.isFile() && statSync(path).size < MOST_FILE_BYTES) files.push(path)
  }
}
