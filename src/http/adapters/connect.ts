import type { NodeResponse } from './response-end.js'
import { type Gate, middlewareOf, type Next, type ResponseWriter } from './verdict.js'

/** The part of a request of Express, Connect or `node:http` that is used here, or that functions among the options ask for most. */
export interface ConnectRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket?: { readonly remoteAddress?: string | undefined; readonly destroyed?: boolean | undefined } | null
  /** Express: the address as its setting `trust proxy` has it. */
  readonly ip?: string | undefined
}

/** The part of a response of Express, Connect or `node:http` that is used here. */
export interface ConnectResponse extends NodeResponse {
  statusCode: number
  readonly headersSent: boolean
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/** Goes on, with an error if there is one. Its type is that of Express: some, as h3, want an Error there. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- neither unknown nor Error fits all of them
export type ConnectNext = (error?: any) => void

/** A middleware `(req, res, next)`. `refuse`: answers itself; the header fields are set already. */
export function connectMiddleware<Request, Response extends ConnectResponse, Decision>(
  gate: Gate<Request, Decision>,
  refuse: ((request: Request, decision: Decision, response: Response) => unknown) | undefined,
): (request: Request, response: Response, next: Next) => void {
  return middlewareOf<Request, Response, Decision>(gate, NODE, refuse)
}

const NODE: ResponseWriter<ConnectResponse> = {
  sinkOf: (response) => (response.headersSent ? undefined : response),
  nodeOf: (response) => response,
  setStatus: (response, status) => Object.assign(response, { statusCode: status }),
  send: (response, body) => response.end(body),
}
