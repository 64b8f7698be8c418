import { type NodeResponse, whenResponseEnds } from './response-end.js'
import { type Gate, type HeaderSink, middlewareOf, type Next, PROBLEM_TYPE, type Verdict } from './verdict.js'

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

/** A header field as Node has it: several of one name are a list. */
export function textOfHeader(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** The header fields of a response of Node. */
export class NodeHeaders implements HeaderSink {
  readonly #response: Pick<ConnectResponse, 'getHeader' | 'setHeader'>

  constructor(response: Pick<ConnectResponse, 'getHeader' | 'setHeader'>) {
    this.#response = response
  }

  get(name: string): string | undefined {
    return textOfHeader(this.#response.getHeader(name))
  }

  set(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }
}

/** Tells a verdict how the response of Node ends, if that asks for it. */
export function watchEnd<Decision>(verdict: Verdict<Decision>, response: NodeResponse): void {
  if (!verdict.settles && !verdict.holds) return
  whenResponseEnds(response, (status, isWhole) => {
    verdict.answered(status)
    verdict.ended(status, isWhole)
  })
}

/** A middleware `(req, res, next)`. `refuse`: answers itself; the header fields are set already. */
export function connectMiddleware<Request, Response extends ConnectResponse, Decision>(
  gate: Gate<Request, Decision>,
  refuse: ((request: Request, decision: Decision, response: Response) => unknown) | undefined,
): (request: Request, response: Response, next: Next) => void {
  return middlewareOf<Request, Response, Decision>(gate, (verdict, request, response, fail) => {
    const { refusal } = verdict
    // While a function of the options was awaited, something else may have answered.
    const isOpen = !response.headersSent
    if (isOpen) verdict.writeHeaders(new NodeHeaders(response))
    if (refusal === null) {
      watchEnd(verdict, response)
      return true
    }
    if (!isOpen) return false
    response.statusCode = refusal.status
    response.setHeader('retry-after', String(refusal.retryAfterSeconds))
    if (refuse !== undefined) Promise.resolve(refuse(request, refusal.decision, response)).catch(fail)
    else {
      response.setHeader('content-type', PROBLEM_TYPE)
      response.end(refusal.problem)
    }
    return false
  })
}
