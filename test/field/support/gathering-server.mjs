// A server that shows whether its clients ask several things at once.
import { once } from 'node:events'
import { createServer } from 'node:http'

/** What has not come by then does not come. */
const PATIENCE_MS = 10_000

/**
 * A server on loopback. It answers with the path that was asked for, some text, and how often that was.
 *
 * @param {{ gathers?: number, statusOf?: (path: string, hits: number) => number | undefined }} [o] - gathers: nobody is answered before so
 * many have asked at once. statusOf: of an answer, 200 by default; undefined for none
 */
export async function gatheringServer({ gathers = 1, statusOf = () => 200 } = {}) {
  const hits = new Map()
  const askedMs = new Map()
  const sockets = new Set()
  const seen = { most: 0, total: 0, hits, askedMs, sockets }
  let now = 0
  let open
  const gathered = new Promise((resolve) => (open = resolve))
  const timer = setTimeout(open, PATIENCE_MS).unref()
  const server = createServer(async (request, response) => {
    const { url, socket } = request
    sockets.add(socket)
    seen.total++
    hits.set(url, (hits.get(url) ?? 0) + 1)
    askedMs.set(url, [...(askedMs.get(url) ?? []), performance.now()])
    seen.most = Math.max(seen.most, ++now)
    if (now >= gathers) open()
    await gathered
    // Others come meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 2))
    now--
    const status = statusOf(url, hits.get(url))
    if (status === undefined) return
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(status === 429 ? { 'retry-after': '1' } : {}),
    })
    response.end(JSON.stringify({ path: url, text: `text of ${url}`, hits: hits.get(url) }))
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    seen,
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
