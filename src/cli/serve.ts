import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { untilSignal } from './end-signals.js'

/** Where a command listens. */
export interface Place {
  readonly host: string
  readonly port: number
}

/**
 * Listens until the process is interrupted, then ends all connections.
 *
 * @param announce - called with the address when the server listens
 * @throws {Error} when the port is in use, or the host is not an address of this machine
 */
export async function serveUntilInterrupted(
  server: Server,
  { host, port }: Place,
  announce: (address: string) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(whyNotListening(error, { host, port })))
    server.listen(port, host, resolve)
  })
  const { port: actual } = server.address() as AddressInfo
  announce(`http://${host.includes(':') ? `[${host}]` : host}:${actual}`)
  await untilSignal()
  server.close()
  server.closeAllConnections()
}

function whyNotListening(error: NodeJS.ErrnoException, { host, port }: Place): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`port ${port} of ${host} is in use; choose another with --port, or 0 for any that is free`)
    case 'EACCES':
      return new Error(`port ${port} of ${host} is not allowed for this user; choose one from 1024 on with --port`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${host} is no address of this machine; choose one with --host`)
    default:
      return error
  }
}
