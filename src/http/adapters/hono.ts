import type { ConnectResponse } from './connect.js'
import { type Gate, type Judgement, type Verdict, watchEnd } from './verdict.js'
import { answered, refusalOf, type WebRefuse } from './web.js'

/** The part of a context of Hono that is used here, or that functions among the options ask for most. */
export interface HonoContext {
  readonly req: {
    readonly method: string
    readonly path: string
    header(name: string): string | undefined
    readonly raw: Request
  }
  res: Response
  header(name: string, value: string): void
  /** The names of a program's own variables are narrower. */
  readonly set?: (...variable: never[]) => void
  /** With `@hono/node-server`: Node's own request. */
  readonly env: unknown
}

/** The objects that `@hono/node-server` puts in `env`. */
export interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } } | undefined
  /** Fields set on it are sent with the handler's response, which then needs no Headers and no Request. */
  readonly outgoing?: ConnectResponse | undefined
}

type HonoNext = () => Promise<void>

/** A middleware of Hono. It resolves with nothing if the request continues; another promise around it would cost as much as the limit itself. */
export function honoMiddleware<Context extends HonoContext, Decision>(
  gate: Gate<Context, Decision>,
  refuse: WebRefuse<Context, Decision>,
): (context: Context, next: HonoNext) => Promise<Response | undefined> {
  const goOn = (verdict: Judgement<Decision>, context: Context, next: HonoNext): Promise<Response | undefined> => {
    if (verdict === null) return next() as Promise<undefined>
    const { refusal } = verdict
    const { outgoing } = (context.env ?? {}) as NodeBindings
    if (typeof outgoing?.setHeader === 'function') {
      if (!outgoing.headersSent) verdict.writeHeaders(outgoing)
      if (refusal !== null) return refusalOf(context, refusal, refuse)
      watchEnd(verdict, outgoing)
      return next() as Promise<undefined>
    }
    if (refusal !== null) return refusalOf(context, refusal, refuse, verdict)
    return throughResponse(verdict, context, next)
  }
  return (context, next) => {
    try {
      const judged = gate.judge(context)
      return judged instanceof Promise
        ? judged.then((verdict) => goOn(verdict, context, next))
        : goOn(judged, context, next)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

/** Where there is no response of Node: header fields go into the one that the handler made. */
async function throughResponse<Decision>(
  verdict: Verdict<Decision>,
  context: HonoContext,
  next: HonoNext,
): Promise<undefined> {
  const response = await answered(context.req.raw, verdict, async () => {
    await next()
    return context.res
  })
  if (response === context.res) return
  // Otherwise Hono would copy the old header fields over the new ones.
  ;(context as { res: Response | undefined }).res = undefined
  context.res = response
}
