import { describe } from '../../internal/options/validate.js'
import { watchBody } from '../watched-body.js'
import { CLIENT_GONE } from './response-end.js'
import { type Gate, type HeaderSink, PROBLEM_TYPE, type Refusal, type Verdict } from './verdict.js'

/** An option `refuse` that returns the answer. */
export type WebRefuse<Subject, Decision> =
  ((subject: Subject, decision: Decision) => Response | Promise<Response>) | undefined

/** A handler before which a gate stands. @param what - names it in messages */
export function webHandler<Rest extends unknown[], Decision>(
  what: string,
  gate: Gate<Request, Decision>,
  refuse: WebRefuse<Request, Decision>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const judged = gate.judge(request, rest)
    const verdict = judged instanceof Promise ? await judged : judged
    if (verdict === null) return handler(request, ...rest)
    const { refusal } = verdict
    if (refusal !== null) return refusalOf(request, refusal, refuse, verdict)
    return answered(request, verdict, async () => asResponse(what, await handler(request, ...rest)))
  }
}

/** The answer that `respond` gives, with its header fields, for a verdict that admits the request. */
export async function answered<Decision>(
  request: Request,
  verdict: Verdict<Decision>,
  respond: () => Promise<Response>,
): Promise<Response> {
  const { signal, method } = request
  const gone = (): void => verdict.ended(CLIENT_GONE)
  const end = (status: number): void => {
    if (!verdict.holds) return
    signal.removeEventListener('abort', gone)
    verdict.ended(status)
  }
  if (verdict.holds && signal.aborted) gone()
  else if (verdict.holds) signal.addEventListener('abort', gone, { once: true })
  let status = 500
  try {
    const response = withHeaders(await respond(), (sink) => verdict.writeHeaders(sink))
    status = response.status
    if (verdict.holds && method !== 'HEAD') return watchBody(response, (isWhole) => end(isWhole ? status : CLIENT_GONE))
    // Nobody reads the body of a HEAD.
    end(status)
    return response
  } catch (error) {
    end(500)
    throw error
  } finally {
    verdict.answered(signal.aborted ? CLIENT_GONE : status)
  }
}

/** The result of a user's function. @throws {TypeError} when that is no response, of whatever library */
function asResponse(of: string, given: unknown): Response {
  if (typeof (given as Partial<Response> | null | undefined)?.headers?.get === 'function') return given as Response
  throw new TypeError(`${of} must return a Response; received ${describe(given)}`)
}

/** The answer to a refused request, with Retry-After and the header fields of `verdict`. */
export async function refusalOf<Subject, Decision>(
  subject: Subject,
  { decision, status, problem, retryAfterSeconds }: Refusal<Decision>,
  refuse: WebRefuse<Subject, Decision>,
  verdict?: Verdict<Decision>,
): Promise<Response> {
  const response =
    refuse === undefined
      ? new Response(problem, { status, headers: { 'content-type': PROBLEM_TYPE } })
      : asResponse('refuse', await refuse(subject, decision))
  return withHeaders(response, (sink) => {
    if (sink.getHeader('retry-after') === null) sink.setHeader('retry-after', String(retryAfterSeconds))
    verdict?.writeHeaders(sink)
  })
}

/** Adds header fields to a response, or to a copy if it is immutable, as fetched ones are. Deno's 101 for a WebSocket cannot even be copied. */
function withHeaders(response: Response, write: (sink: HeaderSink) => void): Response {
  // A handler may return the same response without a body for each request.
  let result = response.body === null && isCopyable(response) ? new Response(null, response) : response
  write({
    getHeader: (name) => result.headers.get(name),
    setHeader(name, value) {
      try {
        result.headers.set(name, value)
      } catch {
        if (!isCopyable(response)) return
        result = new Response(response.body, response)
        result.headers.set(name, value)
      }
    },
  })
  return result
}

/** Whether a Response can be made with that status: one of a protocol that changes, of an error, or of no standard cannot. */
function isCopyable({ status }: Response): boolean {
  return status >= 200 && status <= 599
}
