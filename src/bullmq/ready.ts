import { messageOf, runError } from '../internal/run-error.js'
import { shownServer } from '../internal/server-url.js'
import type { QueueBase } from './peer.js'

/** The server is there within so long, or nothing begins. */
const READY_MS = 5000

/**
 * Resolves when the server of `base` answers; else it is closed.
 *
 * @param connection - where the server is, for the message
 * @throws {ExecutionError} (as a rejection) saying what to start
 */
export async function whenReady(base: QueueBase, connection: object): Promise<void> {
  let last: unknown
  base.on('error', (error) => (last = error))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it did not answer in time')), READY_MS)
  })
  try {
    await Promise.race([base.waitUntilReady(), late])
  } catch (error) {
    void base.close(true).catch(() => undefined)
    throw noServer(connection, last ?? error)
  } finally {
    clearTimeout(timer)
  }
}

function noServer(connection: object, error: unknown): Error {
  const { url, host = 'localhost', port = 6379 } = connection as { url?: string; host?: string; port?: number }
  const place = url === undefined ? `${host}:${port}` : shownServer(url)
  return runError(
    `no Redis or Valkey answers at ${place} (${messageOf(error)}): install and start one, such as Debian's redis-server or valkey-server`,
    error,
  )
}
