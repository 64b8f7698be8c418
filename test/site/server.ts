// Serves the built site as a host of plain files does: without an ending, an address is that of a page.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative, sep } from 'node:path'
import { root } from '../docs/support/blocks.js'

export const SITE = join(root, 'docs/.site')

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/** The file for an address; undefined where there is none. */
export function fileFor(path: string): string | undefined {
  const wanted = join(SITE, decodeURI(path))
  return [wanted, `${wanted}.html`, join(wanted, 'index.html')].find(
    (file) => existsSync(file) && statSync(file).isFile(),
  )
}

/** Addresses of all pages. */
export function pagesOfSite(): string[] {
  return readdirSync(SITE, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html') && file !== '404.html')
    .map((file) => `/${relative('.', file).split(sep).join('/')}`.replace(/(index)?\.html$/, ''))
    .sort()
}

/** @returns the server and its address, such as 'http://127.0.0.1:4000' */
export async function serveSite(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((request, response) => {
    const file = fileFor(new URL(request.url ?? '/', 'http://site').pathname)
    response.writeHead(file === undefined ? 404 : 200, {
      'content-type': types[extname(file ?? '.html')] ?? 'text/plain',
    })
    response.end(readFileSync(file ?? join(SITE, '404.html')))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
