/** Where header fields are put. Both are given a field's name in small letters. */
export interface HeaderSink {
  get(name: string): string | undefined
  set(name: string, value: string): void
}

/** The type of a refusal's body (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

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

/** Null if the request is admitted and nothing is to be done about it. */
export type Judgement<Decision> = Verdict<Decision> | null

/** Decides about requests of any framework. */
export interface Gate<Request, Decision> {
  /** @param rest - what else a handler gets with the request */
  judge(request: Request, rest?: readonly unknown[]): Judgement<Decision> | Promise<Judgement<Decision>>
}

/** Goes on, with an error if there is one. */
export type Next = (error?: unknown) => void

/** Gives errors to `next`, for which none, as with `Promise.reject()`, would mean that the request continues. */
export function failing(next: Next): Next {
  return (error) => next(error ?? new Error('a function of the limit has failed, without an error'))
}

/**
 * A middleware, or a hook of Fastify, that has a gate judge.
 *
 * @param answer - writes the answer of the verdict; returns true if the request is admitted
 */
export function middlewareOf<Request, Response, Decision>(
  gate: Gate<Request, Decision>,
  answer: (verdict: Verdict<Decision>, request: Request, response: Response, fail: Next) => boolean,
): (request: Request, response: Response, next: Next) => void {
  const goOn = (verdict: Judgement<Decision>, request: Request, response: Response, next: Next): void => {
    try {
      if (verdict !== null && !answer(verdict, request, response, failing(next))) return
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
