// Programs that keep to the rate of a server, as users of p-queue, bottleneck and limiter write them. What waits for its turn is an argument: it is
// theirs or ours, and nothing else differs.
import { createHash } from 'node:crypto'
import { once, setMaxListeners } from 'node:events'
import { createServer, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Agent, fetch } from 'undici'

/** How many links a page has. */
const LINKS = 3

/** A server that notes what arrives, and when; `letGo` is what its clients asked for, at the moment when their turn had come. */
export async function startServer(pages) {
  const arrived = []
  const letGo = []
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url, 'http://localhost')
    if (incoming.method === 'GET') arrived.push({ what: url.pathname + url.search, cost: 1, atMs: performance.now() })
    const hash = createHash('sha256')
    try {
      for await (const chunk of incoming) {
        arrived.push({ what: url.pathname, cost: chunk.length, atMs: performance.now() })
        hash.update(chunk)
      }
    } catch {
      return // the client has gone
    }
    if (url.pathname === '/never') return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ links: linksOf(Number(url.pathname.slice(1)), pages), hash: hash.digest('hex') }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // One connection: requests arrive in the order in which they are made.
  const dispatcher = new Agent({ connections: 1 })
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    arrived,
    letGo,
    dispatcher,
    async close() {
      await dispatcher.destroy()
      server.closeAllConnections()
      server.close()
    },
  }
}

function linksOf(page, pages) {
  return Array.from({ length: LINKS }, (_, n) => LINKS * page + 1 + n).filter((link) => link < pages)
}

async function get({ origin, dispatcher, letGo }, path, signal) {
  letGo.push({ what: `/${path}`, cost: 1, atMs: performance.now() })
  const response = await fetch(`${origin}/${path}`, { dispatcher, signal })
  return response.json()
}

/**
 * Visits every page that can be reached from the first.
 *
 * @param {(fn: (o: { signal?: AbortSignal }) => Promise<unknown>, o: { signal?: AbortSignal }) => Promise<unknown>} add - runs `fn` when its turn has come
 * @returns the pages in the order in which they came
 */
export async function crawl(site, add, { signal } = {}) {
  const came = []
  const visit = async (page) => {
    const { links } = await add((o) => get(site, page, o.signal), { signal })
    came.push(page)
    await Promise.all(links.map(visit))
  }
  await visit(0)
  return came
}

/**
 * Places orders, of which each costs as many units of a quota as it has lines.
 *
 * @param {(cost: number, fn: () => Promise<unknown>, o: { signal?: AbortSignal }) => Promise<unknown>} schedule - runs `fn` when its turn has come
 * @param {(order: number) => AbortSignal | undefined} signalOf
 * @returns what became of each order
 */
export function placeOrders(site, schedule, orders, signalOf = () => undefined) {
  return Promise.allSettled(
    orders.map((lines, order) => {
      const signal = signalOf(order)
      return schedule(lines, () => get(site, `${order}?lines=${lines}`, signal), { signal })
    }),
  )
}

/**
 * Uploads files side by side.
 *
 * @param {(bytes: number, o: { signal?: AbortSignal }) => Promise<unknown>} take - resolves when so many bytes may be sent
 * @param {{ asked: string[], sent: string[] }} log - of every chunk, in order
 * @returns the hash of what the server got, of each file
 */
export function upload({ origin }, take, files, log, { signal } = {}) {
  // Each file listens to it.
  if (signal !== undefined) setMaxListeners(4 * files.length + 10, signal)
  return Promise.all(
    files.map(async (chunks, file) => {
      const outgoing = request(`${origin}/${file}`, { method: 'PUT', signal })
      const answered = once(outgoing, 'response', { signal })
      answered.catch(() => undefined)
      await pipeline(Readable.from(paced(chunks, file, take, log, signal)), outgoing, { signal })
      const [response] = await answered
      return JSON.parse(Buffer.concat(await response.toArray()).toString()).hash
    }),
  )
}

async function* paced(chunks, file, take, log, signal) {
  for (const [n, chunk] of chunks.entries()) {
    log.asked.push(`${file}.${n}`)
    await take(chunk.length, { signal })
    log.sent.push(`${file}.${n}`)
    yield chunk
  }
}
