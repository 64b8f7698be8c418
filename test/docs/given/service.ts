// A service to call.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const service = createServer((request, response) => {
  request.resume()
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url, name: 'Ada' }))
})
// The program ends when its own work is done.
service.on('connection', (socket) => socket.unref())
service.listen(0, '127.0.0.1')
await once(service, 'listening')
service.unref()

export const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
export const urls = ['/a', '/b', '/c'].map((path) => url + path)

/** What a client throws for an answer that is no success. */
export class HttpError extends Error {
  readonly status: number
  constructor(readonly response: Response) {
    super(`HTTP ${response.status}`)
    this.status = response.status
  }
}
