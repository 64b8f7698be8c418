import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { warnOfNoAddress } from '../warnings.js'
import { type ConnectResponse, NodeHeaders, warnOfProxy } from './connect-limit.js'
import type { LimitDecision } from './decision.js'
import { type HttpLimitStats, HttpLimiter, type Judged, type RequestReader } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'
import type { HeaderSink } from './rate-headers.js'
import { CLIENT_GONE, whenResponseEnds } from './response-end.js'
import { isCopyable, ofOneRequest, refusalOf, withHeaders } from './web-limit.js'

/** What is used of a context of Hono, and what options that are functions ask for most. */
export interface HonoContext {
  readonly req: {
    readonly method: string
    readonly path: string
    header(name: string): string | undefined
    readonly raw: Request
  }
  res: Response
  header(name: string, value: string): void
  /** With `@hono/node-server`: Node's own request. */
  readonly env: unknown
}

/** What {@link honoLimit} is made with. */
export interface HonoLimitOptions<Context> extends HttpLimitOptions<Context> {
  /** The answer to a refused request; header fields are added to it. */
  refuse?: ((context: Context, decision: LimitDecision) => Response | Promise<Response>) | undefined
}

/** A middleware of Hono. */
export interface HonoLimit<Context> {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>
  /** What it has done in this thread. */
  stats(): HttpLimitStats
}

/**
 * A middleware of Hono that limits requests; see {@link connectLimit}. The default key is the socket's address with `@hono/node-server`;
 * elsewhere give `key`, such as `(c) => ipKey(getConnInfo(c).remote.address ?? '')`.
 *
 * @param options - see {@link HttpLimitOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * import { Hono } from 'hono'
 * const app = new Hono()
 * app.use(honoLimit({ name: 'api', scope: 'machine', limits: { burst: { requestsPerSecond: 5, burstSize: 20 } } }))
 */
export function honoLimit<Context extends HonoContext = HonoContext>(
  options: HonoLimitOptions<Context>,
): HonoLimit<Context> {
  const limiter = new HttpLimiter<Context>('honoLimit', options, honoReader, ['refuse'])
  const refuse = checkOptionalFunction('refuse', options.refuse)

  /** Where there is no response of Node: header fields go into the one that the handler made. */
  const answer = async (context: Context, judged: Judged, next: () => Promise<void>): Promise<Response | undefined> => {
    const { decision, charge } = judged
    if (!decision.allowed) {
      const response = await refusalOf(context, decision, refuse)
      return withHeaders(response, (sink) => limiter.writeHeaders(sink, decision))
    }
    let status = 500
    try {
      await next()
      limiter.writeHeaders(sinkOfResponse(context), decision)
      status = context.res.status
    } finally {
      if (charge !== null) limiter.settle(context, judged, context.req.raw.signal.aborted ? CLIENT_GONE : status)
    }
    return undefined
  }

  const middleware = (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    // What goes on resolves with nothing; another promise around it would cost as much as the limit itself.
    try {
      const judged = limiter.judge(context)
      if (judged === null) return next() as Promise<undefined>
      const node = nodeResponseOf(context)
      if (node === undefined) return answer(context, judged, next)
      limiter.writeHeaders(new NodeHeaders(node), judged.decision)
      if (!judged.decision.allowed) return refusalOf(context, judged.decision, refuse)
      if (judged.charge !== null) whenResponseEnds(node, (status) => limiter.settle(context, judged, status))
    } catch (error) {
      return Promise.reject(error)
    }
    return next() as Promise<undefined>
  }
  return Object.assign(middleware, { stats: () => limiter.stats() })
}

/** The header fields of the response that is there. They are changed in place where it has a body: `context.header` makes a new one. */
function sinkOfResponse(context: HonoContext): HeaderSink {
  const own = ofOneRequest(context.res)
  if (own !== context.res) context.res = own
  const { headers } = context.res
  return {
    get: (name) => headers.get(name) ?? undefined,
    set(name, value) {
      try {
        headers.set(name, value)
      } catch {
        // That of a fetch cannot be changed.
        if (isCopyable(context.res)) context.header(name, value)
      }
    },
  }
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } } | undefined
  readonly outgoing?: ConnectResponse | undefined
}

/**
 * Node's own response with `@hono/node-server`: what is written to it is sent with whatever the handler returns, which needs no Headers
 * and no Request then.
 */
export function nodeResponseOf({ env }: Pick<HonoContext, 'env'>): ConnectResponse | undefined {
  const { outgoing } = (env ?? {}) as NodeBindings
  return typeof outgoing?.setHeader === 'function' ? outgoing : undefined
}

const honoReader: RequestReader<HonoContext> = {
  ip: ({ env }) => (env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress,
  checkProxy: ({ req, env }) => {
    // Without a server of Node.
    if ((env as NodeBindings | undefined)?.incoming === undefined) warnOfNoAddress()
    if (req.header('x-forwarded-for') !== undefined) warnOfProxy(false)
  },
}
