import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { execute, stream } from 'amorsize'
import pMap from 'p-map'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// A server that answers after as long as it is asked to.
const server = createServer(async (request, response) => {
  const ms = Number(new URL(request.url, 'http://localhost').searchParams.get('ms'))
  if (ms > 0) await delay(ms)
  response.end(String(ms))
})

let origin
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
afterAll(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

/** Numbers that look random and are the same in each run. */
function* uniform(seed) {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield (state + 0.5) / 2 ** 32
  }
}

function lognormal(count, median, sigma) {
  const random = uniform(42)
  const next = () => random.next().value
  const normal = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
  return Array.from({ length: count }, () => Math.round(median * Math.exp(sigma * normal())))
}

const shapes = {
  'lognormal latencies, sigma 0.8': lognormal(600, 20, 0.8),
  'two kinds of answers, 5 and 60 ms': Array.from({ length: 600 }, (_, n) => ((n * 7919) % 5 === 0 ? 60 : 5)),
  '50 instant answers of a cache, then 30 ms each': Array.from({ length: 600 }, (_, n) => (n < 50 ? 0 : 30)),
  'every answer after 20 ms': Array.from({ length: 600 }, () => 20),
}

const get = async (ms) => Number(await (await fetch(`${origin}/?ms=${ms}`)).text())

async function timed(work) {
  const start = performance.now()
  const results = await work()
  return { results, ms: performance.now() - start }
}

async function collect(source) {
  const results = []
  for await (const result of source) results.push(result)
  return results
}

describe('a pool of HTTP requests takes about as long as p-map(64) in the same run', () => {
  it.each(Object.entries(shapes))('%s', async (_, latencies) => {
    await pMap(latencies.slice(0, 64), get, { concurrency: 64 }) // opens the connections
    const rival = await timed(() => pMap(latencies, get, { concurrency: 64 }))
    const ours = await timed(() => execute(get, latencies))
    const streamed = await timed(() => collect(stream(get, latencies)))
    expect(rival.results).toEqual(latencies)
    expect(ours.results).toEqual(latencies)
    expect(streamed.results).toEqual(latencies)
    // One at a time takes ten to forty times as long.
    expect(ours.ms / rival.ms).toBeLessThan(3)
    expect(streamed.ms / rival.ms).toBeLessThan(3)
  })
})
