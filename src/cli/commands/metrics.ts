import { createServer, type Server } from 'node:http'
import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../../internal/text/error-text.js'
import { METRICS_CONTENT_TYPE, metricsText } from '../../metrics/index.js'
import { integerFrom } from '../numbers.js'
import { serveUntilInterrupted } from '../serve.js'
import { printableLines } from '../text/terminal.js'

interface MetricsCommandOptions {
  readonly port: number
  readonly host: string
  readonly prefix: string
  readonly once?: boolean
}

/** The default port of OpenTelemetry's Prometheus exporter. */
const USUAL_PORT = 9464

/** Makes the subcommand `amorsize metrics`. */
export function metricsCommand(): Command {
  return new Command('metrics')
    .description('serve what processes of this user share on this machine to Prometheus')
    .option('--port <number>', 'port to listen on; 0: any that is free', integerFrom(0, 65_535), USUAL_PORT)
    .option('--host <address>', 'address to listen on; by 0.0.0.0 other machines can read it', '127.0.0.1')
    .option('--prefix <text>', 'comes before each name', prefixOf, 'amorsize_')
    .option('--once', 'print the metrics and end')
    .addHelpText('after', HELP)
    .action(async (options: MetricsCommandOptions) => {
      const show = process.stdout.isTTY ? printableLines : String
      if (options.once === true) process.stdout.write(show(metricsText({ prefix: options.prefix })))
      else
        await serveUntilInterrupted(createMetricsServer(options.prefix), options, (address) => {
          process.stdout.write(`amorsize metrics: ${address}/metrics  (Ctrl-C ends it)\n`)
        })
    })
}

function prefixOf(prefix: string): string {
  try {
    metricsText({ prefix, machine: false })
    return prefix
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
}

const HELP = `
Stands beside the programs, as node_exporter does: it reads shared memory when it is scraped, and they notice nothing.
What is shared is shown: limiters, breakers and bulkheads with a name and scope 'machine'.

Exit codes: 0 interrupted, 1 failure, such as a port in use, 2 wrong usage.`

/** Answers GET and HEAD requests for /metrics. An error in a scrape fails only that scrape. */
function createMetricsServer(prefix: string): Server {
  return createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]
    const plain = { 'content-type': 'text/plain; charset=utf-8' }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { ...plain, allow: 'GET, HEAD' }).end('GET or HEAD only\n')
    } else if (path !== '/metrics') {
      response.writeHead(path === '/' ? 200 : 404, plain).end('amorsize: see /metrics\n')
    } else {
      try {
        const text = metricsText({ prefix })
        response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE, 'cache-control': 'no-store' }).end(text)
      } catch (error) {
        response.writeHead(500, plain).end(`${messageOf(error)}\n`)
      }
    }
  })
}
