import { checkKeys, checkOneOf, describe } from '../../internal/options/validate.js'
import {
  fastifyHook,
  type FastifyInstanceLike,
  type FastifyReplyLike,
  hooksOf,
  pluginMarks,
} from '../adapters/fastify.js'
import { failing } from '../adapters/verdict.js'
import { fittingName } from '../encoded-name.js'
import { type FastifyRoute, routeName } from '../stores/fastify-store.js'
import { warnOfProxy } from './connect-limit.js'
import type { LimitDecision } from './decision.js'
import type { RequestReader } from './asking.js'
import { HttpLimiter, type LimitHandles } from './http-limiter.js'
import { type HttpLimitOptions, LIMIT_OPTIONS, overOptions } from './limit-options.js'

/** The part of a request of Fastify that is used here. */
export interface FastifyRequestLike {
  /** As Fastify's option `trustProxy` has it. */
  readonly ip: string
  /** Undefined if Fastify trusts no proxy. */
  readonly ips?: string[] | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly routeOptions: {
    readonly config?: unknown
    readonly method?: string | string[] | undefined
    readonly url?: string | undefined
  }
}

/** Options of {@link fastifyLimit}; a route's `config.limit` may hold the same but `hook`. */
export interface FastifyLimitOptions<
  Request extends FastifyRequestLike = FastifyRequestLike,
  Reply extends FastifyReplyLike = FastifyReplyLike,
> extends HttpLimitOptions<Request> {
  /** Answers a refused request itself, by `reply.send` or by what it returns; the header fields are set already. */
  refuse?: ((request: Request, decision: LimitDecision, reply: Reply) => unknown) | undefined
  /** In which of Fastify's hooks requests are judged; default 'onRequest'. With 'preHandler' a key may come from who has logged in. */
  hook?: 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | undefined
}

/** The options of a plugin whose functions may name Fastify's own types, and need not. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `unknown` would refuse functions of Fastify's own request
export type AnyFastifyLimitOptions = FastifyLimitOptions<any, any>

/** Judges the requests of a plugin, or of a route. */
type Hook = (request: FastifyRequestLike, reply: FastifyReplyLike, done: Done) => void
/** The config of a route, which may have limits. */
type OwnConfig = { readonly limit?: unknown } | null | undefined
type Done = (error?: unknown, body?: unknown) => void

/**
 * A plugin of Fastify that limits requests; see {@link connectLimit}. The default key is `request.ip`, which obeys Fastify's option
 * `trustProxy`. A route's `config.limit` takes the place of the plugin's options, one by one; `false` switches limits off for it. A route
 * with options of its own counts apart. Handlers find what was decided in `request.rateLimit`, and {@link LimitHandles} in `request.limit` and,
 * those of the plugin, in `app.limit`.
 *
 * @example
 * import Fastify from 'fastify'
 * const app = Fastify()
 * await app.register(fastifyLimit, {
 *   name: 'api',
 *   scope: 'machine',
 *   limits: { burst: { requestsPerSecond: 5, burstSize: 20 } },
 * })
 * const limits = { login: { max: 5, windowMs: 600_000 } }
 * const config = { limit: { limits } }
 * app.post('/login', { config }, async () => 'welcome')
 */
export const fastifyLimit: (instance: FastifyInstanceLike, options: AnyFastifyLimitOptions) => Promise<void> =
  Object.assign(
    // eslint-disable-next-line @typescript-eslint/require-await -- a plugin is awaited, or takes a callback
    async (instance: FastifyInstanceLike, options: AnyFastifyLimitOptions): Promise<void> => {
      const addHook = hooksOf(instance, 'fastifyLimit')
      const ofAll = options as FastifyLimitOptions
      const { hook = 'onRequest' } = ofAll
      checkOneOf('hook', hook, ['onRequest', 'preParsing', 'preValidation', 'preHandler'])
      const [hookOfAll, handles] = limiterOf('fastifyLimit', ofAll)
      // Like a decorator, but a plugin in an inner scope may have its own.
      Object.assign(instance, { limit: handles })
      // By the route's own options: Fastify copies the config around them, but not them.
      const ofRoutes = new WeakMap<object, Hook>()
      const hookFor = (own: unknown, route: FastifyRoute): Hook | null => {
        if (own === undefined) return hookOfAll
        if (own === false) return null
        if (typeof own !== 'object' || own === null)
          throw new TypeError(
            `config.limit of ${String(route.url)} must be options of fastifyLimit, or false; received ${describe(own)}`,
          )
        const known = ofRoutes.get(own) ?? hookOfRoute(route, ofAll, own)
        ofRoutes.set(own, known)
        return known
      }
      // Asking a request for its route's options costs as much as the limit itself, so it is only done if a route may have some. Earlier
      // routes are unknown: a plugin that is not awaited starts after the routes below it.
      let hasRoutes = instance.printRoutes?.() !== '(empty tree)'
      addHook('onRoute', (route: FastifyRoute & { readonly config?: OwnConfig }) => {
        const own = route.config?.limit
        if (own !== undefined) hasRoutes = true
        hookFor(own, route)
      })
      const judgeThen: Hook = (request, reply, done) => {
        let own: Hook | null = hookOfAll
        try {
          if (hasRoutes) own = hookFor((request.routeOptions.config as OwnConfig)?.limit, request.routeOptions)
        } catch (error) {
          failing(done)(error)
          return
        }
        if (own === null || reply.sent) done()
        else own(request, reply, done)
      }
      // A hook of 'preParsing' passes the body on.
      const judgeBody = (request: FastifyRequestLike, reply: FastifyReplyLike, body: unknown, done: Done): void =>
        judgeThen(request, reply, (error) => done(error, body))
      addHook(hook, hook === 'preParsing' ? judgeBody : judgeThen)
    },
    pluginMarks('amorsize-limit'),
  )

function limiterOf(what: string, options: FastifyLimitOptions): [Hook, LimitHandles] {
  const keep = (
    request: FastifyRequestLike & { rateLimit?: LimitDecision; limit?: LimitHandles },
    decision: LimitDecision,
  ): void => {
    request.rateLimit = decision
    request.limit = handles
  }
  const limiter = new HttpLimiter(what, options, { ...fastifyReader, keep }, ['hook'])
  const handles = limiter.handles()
  return [fastifyHook(limiter, options.refuse), handles]
}

function hookOfRoute(route: FastifyRoute, ofAll: FastifyLimitOptions, own: object): Hook {
  const what = `config.limit of ${String(route.url)}`
  checkKeys(what, own, LIMIT_OPTIONS)
  // Fastify adds a HEAD route to a GET route, with the same options, and either may be seen first.
  const method = String(route.method).replace('HEAD', 'GET')
  const name = ofAll.name === undefined ? undefined : fittingName(`${ofAll.name} ${routeName({ ...route, method })}`)
  return limiterOf(what, overOptions({ ...ofAll, name }, own))[0]
}

const fastifyReader: RequestReader<FastifyRequestLike> = {
  ip: (request) => request.ip,
  checkProxy: (request) => {
    if (request.headers['x-forwarded-for'] === undefined) return
    warnOfProxy(request.ips === undefined ? false : trustsAll(request) || 'some')
  },
}

/** More proxies than any chain has: older versions of Fastify trust a number of proxies, whatever their addresses. */
const STRANGERS = Array<string>(50).fill('192.0.2.1')

/** Fastify does not show its `trustProxy`, so this asks for the proxies of a request that came only through strangers (RFC 5737). */
function trustsAll(request: FastifyRequestLike): boolean {
  const raw = { headers: { 'x-forwarded-for': STRANGERS.join() }, socket: { remoteAddress: STRANGERS[0] } }
  return (Object.create(request, { raw: { value: raw } }) as FastifyRequestLike).ips?.length === STRANGERS.length + 1
}
