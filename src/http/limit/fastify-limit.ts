import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { checkKeys, checkOneOf, describe } from '../../internal/options/validate.js'
import { fittingName } from '../encoded-name.js'
import { type FastifyRoute, routeName } from '../fastify-routes.js'
import { failing, warnOfProxy } from './connect-limit.js'
import { type LimitDecision, PROBLEM_TYPE, problemOf, retryAfterSeconds } from './decision.js'
import { HttpLimiter, type RequestReader } from './http-limiter.js'
import { type HttpLimitOptions, LIMIT_OPTIONS } from './limit-options.js'
import { type HeaderSink, textOfHeader } from './rate-headers.js'
import { type NodeResponse, whenResponseEnds } from './response-end.js'

/** What is used of a request of Fastify. */
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

/** What is used of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly sent: boolean
  readonly raw: NodeResponse
  code(status: number): unknown
  header(name: string, value: string): unknown
  getHeader(name: string): unknown
  send(body: unknown): unknown
}

/** What {@link fastifyLimit} is registered with; a route's `config.limit` may hold the same but `hook`. */
export interface FastifyLimitOptions<
  Request extends FastifyRequestLike = FastifyRequestLike,
  Reply extends FastifyReplyLike = FastifyReplyLike,
> extends HttpLimitOptions<Request> {
  /** Answers a refused request itself, by `reply.send` or by what it returns; the header fields are set already. */
  refuse?: ((request: Request, decision: LimitDecision, reply: Reply) => unknown) | undefined
  /** In which of Fastify's hooks requests are judged; default 'onRequest'. With 'preHandler' a key may come from who has logged in. */
  hook?: 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | undefined
}

/** What is used of an instance of Fastify: its `addHook`, whose many signatures are checked by Fastify's own types. */
export interface FastifyInstanceLike {
  readonly addHook: (...hook: never[]) => unknown
  readonly printRoutes?: (() => string) | undefined
}

/** `addHook` as the plugins here call it. */
type AddHook = (name: string, hook: (...given: never[]) => unknown) => void

/** Lets a request go on from a hook, or fails it. */
type Done = (error?: unknown, payload?: unknown) => void

/** The options of a plugin whose functions may name Fastify's own types, and need not. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `unknown` would refuse functions of Fastify's own request
export type AnyFastifyLimitOptions = FastifyLimitOptions<any, any>

interface Settings {
  readonly limiter: HttpLimiter<FastifyRequestLike>
  readonly refuse:
    ((request: FastifyRequestLike, decision: LimitDecision, reply: FastifyReplyLike) => unknown) | undefined
}

/**
 * A plugin of Fastify that limits requests; see {@link connectLimit}. The default key is `request.ip`, which obeys Fastify's option
 * `trustProxy`. A route's `config.limit` takes the place of the plugin's options, one by one; `false` switches limits off for it. A route
 * with options of its own counts apart.
 *
 * @example
 * import Fastify from 'fastify'
 * const app = Fastify()
 * await app.register(fastifyLimit, { name: 'api', scope: 'machine', limits: { burst: { requestsPerSecond: 5, burstSize: 20 } } })
 * app.post('/login', { config: { limit: { limits: { login: { max: 5, windowMs: 600_000 } } } } }, async () => 'welcome')
 */
export const fastifyLimit: (instance: FastifyInstanceLike, options: AnyFastifyLimitOptions) => Promise<void> =
  Object.assign(
    // eslint-disable-next-line @typescript-eslint/require-await -- a plugin is awaited, or takes a callback
    async (instance: FastifyInstanceLike, options: AnyFastifyLimitOptions): Promise<void> => {
      const addHook = hooksOf(instance, 'fastifyLimit')
      const ofAll = options as FastifyLimitOptions
      const { hook = 'onRequest' } = ofAll
      checkOneOf('hook', hook, ['onRequest', 'preParsing', 'preValidation', 'preHandler'])
      const settings = settingsOf('fastifyLimit', ofAll, [...MORE, 'hook'])
      // By the route's own options, which Fastify hands on as they are while it copies the config around them.
      const ofRoutes = new WeakMap<object, Settings>()
      const settingsFor = (own: unknown, route: FastifyRoute): Settings | null => {
        if (own === undefined) return settings
        if (own === false) return null
        if (typeof own !== 'object' || own === null)
          throw new TypeError(
            `config.limit of ${String(route.url)} must be options of fastifyLimit, or false; received ${describe(own)}`,
          )
        const known = ofRoutes.get(own)
        if (known !== undefined) return known
        const made = settingsOfRoute(route, ofAll, own)
        ofRoutes.set(own, made)
        return made
      }
      // To ask a request for its route's options costs as much as the limit itself, and is only done where a route may have some. What
      // those of routes say that were there before is not known: a plugin that is not awaited starts after the routes below it.
      let hasRoutes = hasRoutesBefore(instance)
      addHook('onRoute', (route: FastifyRoute & { readonly config?: unknown }) => {
        const own = limitOf(route.config)
        if (own !== undefined) hasRoutes = true
        settingsFor(own, route)
      })
      const settingsOfRequest = ({ routeOptions }: FastifyRequestLike): Settings | null =>
        settingsFor(limitOf(routeOptions.config), routeOptions)
      const judgeThen = (request: FastifyRequestLike, reply: FastifyReplyLike, done: Done): void => {
        try {
          const own = hasRoutes ? settingsOfRequest(request) : settings
          if (own !== null && !reply.sent && !goesOn(own, request, reply, done)) return
        } catch (error) {
          failing(done)(error)
          return
        }
        done()
      }
      // A hook with a callback costs no promise. That of 'preParsing' hands the body on.
      if (hook !== 'preParsing') addHook(hook, judgeThen)
      else
        addHook(hook, (request: FastifyRequestLike, reply: FastifyReplyLike, body: unknown, done: Done) => {
          judgeThen(request, reply, (error) => done(error, body))
        })
    },
    pluginMarks('amorsize-limit'),
  )

/** `addHook` of the instance that registers a plugin. @throws {TypeError} where the program has called the plugin itself */
export function hooksOf(instance: FastifyInstanceLike, plugin: string): AddHook {
  if (typeof (instance as FastifyInstanceLike | undefined)?.addHook !== 'function')
    throw new TypeError(`${plugin} is a plugin, which Fastify calls: app.register(${plugin}, options)`)
  return (instance.addHook as AddHook).bind(instance)
}

/** As fastify-plugin does: the hooks are for the instance that registers the plugin, not for one of its own. */
export function pluginMarks(name: string): object {
  return { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: name }
}

const MORE = ['refuse']

function settingsOf(what: string, options: FastifyLimitOptions, more: readonly string[]): Settings {
  const refuse = checkOptionalFunction('refuse', options.refuse)
  return { limiter: new HttpLimiter(what, options, fastifyReader, more), refuse }
}

/** Whether there are routes of which no hook was told. */
function hasRoutesBefore(instance: FastifyInstanceLike): boolean {
  return instance.printRoutes?.() !== '(empty tree)'
}

/** What a route says of limits: undefined for nothing. */
function limitOf(config: unknown): unknown {
  return typeof config === 'object' && config !== null ? (config as { limit?: unknown }).limit : undefined
}

function settingsOfRoute(route: FastifyRoute, ofAll: FastifyLimitOptions, own: object): Settings {
  const what = `config.limit of ${String(route.url)}`
  checkKeys(what, own, [...LIMIT_OPTIONS, ...MORE])
  // The HEAD that Fastify adds to a GET has its options, and either may be seen first.
  const method = String(route.method).replace('HEAD', 'GET')
  const name = ofAll.name === undefined ? undefined : fittingName(`${ofAll.name} ${routeName({ ...route, method })}`)
  return settingsOf(what, { ...ofAll, name, ...own }, [...MORE, 'hook'])
}

/** Writes what there is to tell; true when the request goes on. One that is refused is answered, or fails with what `refuse` rejects with. */
function goesOn(
  { limiter, refuse }: Settings,
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  done: Done,
): boolean {
  const judged = limiter.judge(request)
  if (judged === null) return true
  const { decision, charge } = judged
  limiter.writeHeaders(new ReplyHeaders(reply), decision)
  if (decision.allowed) {
    if (charge !== null) whenResponseEnds(reply.raw, (status) => limiter.settle(request, judged, status))
    return true
  }
  reply.code(decision.status)
  reply.header('retry-after', String(retryAfterSeconds(decision)))
  if (refuse === undefined) {
    reply.header('content-type', PROBLEM_TYPE)
    reply.send(problemOf(decision))
  } else {
    sendRefusal(refuse(request, decision, reply), reply).catch(failing(done))
  }
  return false
}

/** Sends what an option `refuse` returns, as of a handler of Fastify. */
export async function sendRefusal(refusal: unknown, reply: FastifyReplyLike): Promise<void> {
  const body = await refusal
  if (body !== undefined && !reply.sent) reply.send(body)
}

/** The header fields of a reply of Fastify. */
export class ReplyHeaders implements HeaderSink {
  readonly #reply: Pick<FastifyReplyLike, 'getHeader' | 'header'>

  constructor(reply: Pick<FastifyReplyLike, 'getHeader' | 'header'>) {
    this.#reply = reply
  }

  get(name: string): string | undefined {
    return textOfHeader(this.#reply.getHeader(name))
  }

  set(name: string, value: string): void {
    this.#reply.header(name, value)
  }
}

const fastifyReader: RequestReader<FastifyRequestLike> = {
  ip: (request) => request.ip,
  checkProxy: (request) => {
    if (request.headers['x-forwarded-for'] === undefined) return
    warnOfProxy(request.ips === undefined ? false : trustsAll(request) || 'some')
  },
}

/** More than anybody has proxies in a row: older versions of Fastify trust a number of them, whoever they are. */
const STRANGERS = Array<string>(50).fill('192.0.2.1')

/** Fastify does not tell its `trustProxy`, so it is asked for the proxies of a request that came through strangers alone (RFC 5737). */
function trustsAll(request: FastifyRequestLike): boolean {
  const raw = { headers: { 'x-forwarded-for': STRANGERS.join() }, socket: { remoteAddress: STRANGERS[0] } }
  return (Object.create(request, { raw: { value: raw } }) as FastifyRequestLike).ips?.length === STRANGERS.length + 1
}
