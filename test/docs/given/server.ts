// A request to a server, and the reader's own server.
import { createServer, ServerResponse, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

export const request = Object.assign(new IncomingMessage(new Socket()), { ip: '192.0.2.1', url: '/' })
export const response = new ServerResponse(request)
export const server = createServer()
export const user = { id: 'ada', plan: 'free' as const }

/** As Express has it. */
export interface ExpressRequest {
  readonly ip: string | undefined
  readonly url?: string
}

export const answer = async (of: ExpressRequest): Promise<string> => `hello ${of.ip ?? 'you'}`
export const refuse = (retryAfterMs: number): string => `come back in ${retryAfterMs} ms`
