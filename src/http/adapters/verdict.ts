import { type NodeResponse, whenResponseEnds } from './response-end.js'

/** Something that takes header fields, as a response of Node does. Names are in lower case. */
export interface HeaderSink {
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
}

/** The type of a refusal's body (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

/** The body of a refusal: problem details, of a type that comes with the RateLimit header fields. */
export function problemOf(type: string, title: string, status: number, more?: object): string {
  return JSON.stringify({ type: `https://iana.org/assignments/http-problem-types#${type}`, title, status, ...more })
}

/** The answer of a framework to a request that is refused. */
export interface Refusal<Decision> {
  readonly decision: Decision
  readonly status: number
  readonly retryAfterSeconds: number
  /** Its body. */
  readonly problem: string
}

/** The verdict on one request. */
export interface Verdict<Decision> {
  /** Null for a request that is admitted. */
  readonly refusal: Refusal<Decision> | null
  /** Whether `answered` is to be called. */
  readonly settles: boolean
  /** Whether `ended` is to be called. */
  readonly holds: boolean
  writeHeaders(sink: HeaderSink): void
  /** The status of the answer is known. */
  answered(status: number): void
  /** The answer has ended; `isWhole`: all of it was sent. */
  ended(status: number, isWhole?: boolean): void
}

/** Null if the request is admitted and needs nothing else. */
export type Judgement<Decision> = Verdict<Decision> | null

/** Decides about requests of any framework. */
export interface Gate<Request, Decision> {
  /** @param rest - what else a handler gets with the request */
  judge(request: Request, rest?: readonly unknown[]): Judgement<Decision> | Promise<Judgement<Decision>>
}

/** Reports to a verdict how the response of Node ends, if the verdict needs that. */
export function watchEnd<Decision>(verdict: Verdict<Decision>, response: NodeResponse): void {
  if (!verdict.settles && !verdict.holds) return
  whenResponseEnds(response, (status, isWhole) => {
    verdict.answered(status)
    verdict.ended(status, isWhole)
  })
}

/** Continues, with an error if there is one. */
export type Next = (error?: unknown) => void

/** Passes errors to `next`. Without one, as with `Promise.reject()`, the request would continue. */
export function failing(next: Next): Next {
  return (error) => next(error ?? new Error('a function of the limit has failed, without an error'))
}

/** How a framework writes its responses. */
export interface ResponseWriter<Response> {
  /** Undefined if something else has answered, as it may while a function of the options is awaited. */
  sinkOf(response: Response): HeaderSink | undefined
  /** Node's own response. */
  nodeOf(response: Response): NodeResponse
  setStatus(response: Response, status: number): unknown
  send(response: Response, body: string): unknown
}

/** A middleware, or a hook of Fastify, that applies a gate to each request. `refuse` gets responses with status and header fields. */
export function middlewareOf<Request, Response, Decision>(
  gate: Gate<Request, Decision>,
  writer: ResponseWriter<Response>,
  refuse: ((request: Request, decision: Decision, response: Response) => unknown) | undefined,
): (request: Request, response: Response, next: Next) => void {
  /** Returns whether the request is admitted. */
  const answer = (verdict: Verdict<Decision>, request: Request, response: Response, next: Next): boolean => {
    const { refusal } = verdict
    const sink = writer.sinkOf(response)
    if (sink !== undefined) verdict.writeHeaders(sink)
    if (refusal === null) watchEnd(verdict, writer.nodeOf(response))
    if (refusal === null || sink === undefined) return refusal === null
    writer.setStatus(response, refusal.status)
    sink.setHeader('retry-after', String(refusal.retryAfterSeconds))
    if (refuse !== undefined) Promise.resolve(refuse(request, refusal.decision, response)).catch(failing(next))
    else {
      sink.setHeader('content-type', PROBLEM_TYPE)
      writer.send(response, refusal.problem)
    }
    return false
  }
  const goOn = (verdict: Judgement<Decision>, request: Request, response: Response, next: Next): void => {
    try {
      if (verdict !== null && !answer(verdict, request, response, next)) return
    } catch (error) {
      failing(next)(error)
      return
    }
    next()
  }
  return (request, response, next) => {
    let judged
    try {
      judged = gate.judge(request)
    } catch (error) {
      failing(next)(error)
      return
    }
    // A verdict that is known at once makes no promise.
    if (!(judged instanceof Promise)) goOn(judged, request, response, next)
    else judged.then((verdict) => goOn(verdict, request, response, next), failing(next))
  }
}
