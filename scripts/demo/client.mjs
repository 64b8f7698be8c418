// The module that every crawler imports, in whichever thread it runs. Nothing is passed between the threads to make the
// limit one limit: the name does it.
import { Agent, get } from 'node:http'
import { withRateLimit } from 'amorsize'
import { ownLimit, requestsAtOnce } from './limits.mjs'

const agent = new Agent({ keepAlive: true, maxSockets: requestsAtOnce })

/**
 * Fetches one file.
 *
 * @param {string} origin - such as http://127.0.0.1:8080
 * @param {string} path - relative to node_modules
 * @param {number} askedAtMs - performance.now() of the caller
 * @returns {Promise<{ status: number, body: Buffer, waitMs: number }>} waitMs: from the caller's wish to the start of the request
 */
export function fetchFile(origin, path, askedAtMs) {
  const waitMs = performance.now() - askedAtMs
  return new Promise((resolve, reject) => {
    const url = `${origin}/${path.split('/').map(encodeURIComponent).join('/')}`
    get(url, { agent }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks), waitMs }))
      response.on('error', reject)
    }).on('error', reject)
  })
}

/** The same, under the one limit of all threads. */
export const fetchPolitely = withRateLimit(ownLimit)(fetchFile)

/** Closes the connections that are kept open. */
export const closeConnections = () => agent.destroy()
