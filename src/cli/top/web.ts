import { readFileSync } from 'node:fs'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { messageOf } from '../../internal/text/error-text.js'
import { serveUntilInterrupted } from '../serve.js'
import { shownName } from '../text/shown-name.js'
import { Sampler, type SortKey, arrange } from './model.js'
import { healthOf, stateOf } from './state.js'
import { PAGE_CSS, PAGE_HTML, PAGE_SCRIPT } from './page.js'

/** The options of `amorsize top --web`. */
interface WebOptions {
  readonly interval: number
  readonly port: number
  readonly sort: SortKey
  readonly filter: string
}

const HOST = '127.0.0.1'

/** Answers by path: content type and body. */
type Pages = Readonly<Record<string, { readonly type: string; readonly body: string }>>

/**
 * Serves the page with the table and the charts until interrupted, to this machine only.
 *
 * @throws {Error} when uplot is not installed, names cannot be listed here, or the port is in use
 */
export async function serveTop(options: WebOptions): Promise<void> {
  // If names cannot be read, that is reported before anything listens, because no page could show it.
  new Sampler().sample()
  const server = createTopServer(options, loadPages(process.cwd()))
  await serveUntilInterrupted(server, { host: HOST, port: options.port }, (address) => {
    process.stdout.write(`amorsize top: ${address}/  (Ctrl-C ends it)\n`)
  })
}

/** Loads uplot, which draws the charts, from the user's project if it is there: most users of this package never look at charts. */
function loadPages(project: string): Pages {
  const folder = findUplot(project) ?? findUplot(import.meta.dirname)
  if (folder === null) throw new Error('--web draws with uplot, which is not installed here; run: npm install uplot')
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  return {
    '/': { type: 'text/html; charset=utf-8', body: PAGE_HTML },
    '/page.css': { type: 'text/css', body: PAGE_CSS },
    '/page.js': { type: 'text/javascript', body: PAGE_SCRIPT },
    '/uplot.css': { type: 'text/css', body: read('uPlot.min.css') },
    '/uplot.js': { type: 'text/javascript', body: read('uPlot.iife.min.js') },
  }
}

function findUplot(from: string): string | null {
  try {
    return dirname(createRequire(join(from, 'from.js')).resolve('uplot'))
  } catch {
    return null
  }
}

function createTopServer({ interval, sort, filter }: WebOptions, pages: Pages): Server {
  const listeners = new Set<ServerResponse>()
  let sampler = new Sampler()
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    try {
      const names = arrange(sampler.sample(), { sort, filter, reverse: false }).map((row) => ({
        ...row,
        shown: shownName(row.name ?? row.file),
        health: healthOf(row),
        says: stateOf(row),
      }))
      const event = `data: ${JSON.stringify({ at: new Date().toISOString(), names })}\n\n`
      // A reader that does not keep up misses events: none are buffered for it.
      for (const listener of listeners) if (!listener.writableNeedDrain) listener.write(event)
    } catch (error) {
      // Pages reconnect by themselves.
      process.stderr.write(`amorsize: ${messageOf(error)}\n`)
      for (const listener of listeners) listener.end()
    }
  }
  const listen = (request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    listeners.add(response)
    if (timer === undefined) {
      sampler = new Sampler()
      timer = setInterval(look, interval)
    }
    look()
    request.on('close', () => {
      listeners.delete(response)
      if (listeners.size > 0) return
      clearInterval(timer)
      timer = undefined
    })
  }
  return createServer((request, response) => {
    const page = pages[request.url ?? '']
    if (!isOurHost(request)) response.writeHead(403).end()
    else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end()
    else if (request.url === '/events') listen(request, response)
    else if (page === undefined) response.writeHead(404).end()
    else response.writeHead(200, { ...SECURITY, 'content-type': page.type }).end(page.body)
  })
}

const SECURITY = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
}

/** Prevents DNS rebinding: another site whose name points to this machine must not read from here. */
function isOurHost({ headers, socket }: IncomingMessage): boolean {
  const { localPort = 0 } = socket
  // Browsers omit the default port.
  const ports = localPort === 80 ? ['', ':80'] : [`:${localPort}`]
  return ports.flatMap((port) => [`${HOST}${port}`, `localhost${port}`]).includes(headers.host ?? '')
}
