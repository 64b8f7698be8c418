// Adapters of cloud functions and mocks make responses themselves. Those of @codegenie/serverless-express are finished and never closed, those of
// serverless-http are closed as they finish.
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { connectLimit, shed } from 'amorsize/http'
import { expect, it } from 'vitest'

const closings = ['never', 'as it finishes', 'then']

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** Asks a handler behind a middleware as an adapter does. */
async function answer(middleware: Middleware, status: number, closes: string): Promise<number> {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  const nothing = (): void => undefined
  const write = (_: unknown, __: unknown, written?: () => void): void => written?.()
  const socket = {
    writable: true,
    on: nothing,
    removeListener: nothing,
    destroy: nothing,
    cork: nothing,
    uncork: nothing,
  }
  response.assignSocket({ ...socket, _writableState: {}, write } as unknown as Socket)
  if (closes === 'as it finishes') response.once('finish', () => response.emit('close'))
  const finished = once(response, 'finish')
  middleware(request, response, () => {
    response.statusCode = status
    response.end()
  })
  await finished
  if (closes === 'then') response.emit('close')
  return response.statusCode
}

it.each(closings)('shed has its places back (closed: %s)', async (closes) => {
  const shedding = shed({ maxConcurrent: 1 })
  const statuses: number[] = []
  for (const status of [200, 404, 200]) statuses.push(await answer(shedding, status, closes))
  expect(statuses).toEqual([200, 404, 200])
  expect(shedding.stats()).toMatchObject({ admitted: 3, running: 0 })
})

it.each(closings)('a limit gives back what did not count, once (closed: %s)', async (closes) => {
  const limit = connectLimit({
    limits: { wrong: { max: 2, windowMs: 60_000 } },
    key: () => 'user',
    countIf: (_, status) => status === 401,
  })
  const statuses: number[] = []
  for (const status of [200, 200, 200, 401, 401, 200]) statuses.push(await answer(limit, status, closes))
  expect(statuses).toEqual([200, 200, 200, 401, 401, 429])
})
