import { textOfHeader, watchEnd } from './connect.js'
import type { NodeResponse } from './response-end.js'
import { type Gate, type HeaderSink, middlewareOf, type Next, PROBLEM_TYPE } from './verdict.js'

/** The part of a reply of Fastify that is used here. */
export interface FastifyReplyLike {
  readonly sent: boolean
  readonly raw: NodeResponse
  code(status: number): unknown
  header(name: string, value: string): unknown
  getHeader(name: string): unknown
  send(body: unknown): unknown
}

/** The part of an instance of Fastify that is used here: its `addHook`, whose many signatures are checked by Fastify's own types. */
export interface FastifyInstanceLike {
  readonly addHook: (...hook: never[]) => unknown
  readonly printRoutes?: (() => string) | undefined
}

/** `addHook` as the plugins here call it. */
type AddHook = (name: string, hook: (...given: never[]) => unknown) => void

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

/** A hook with a callback, which costs no promise. `refuse`: answers itself, or returns what is sent. */
export function fastifyHook<Request, Decision>(
  gate: Gate<Request, Decision>,
  refuse: ((request: Request, decision: Decision, reply: FastifyReplyLike) => unknown) | undefined,
): (request: Request, reply: FastifyReplyLike, done: Next) => void {
  return middlewareOf<Request, FastifyReplyLike, Decision>(gate, (verdict, request, reply, fail) => {
    const { refusal } = verdict
    // While a function of the options was awaited, something else may have answered.
    if (reply.sent && refusal !== null) return false
    verdict.writeHeaders(new ReplyHeaders(reply))
    if (refusal === null) {
      watchEnd(verdict, reply.raw)
      return true
    }
    reply.code(refusal.status)
    reply.header('retry-after', String(refusal.retryAfterSeconds))
    if (refuse === undefined) {
      reply.header('content-type', PROBLEM_TYPE)
      reply.send(refusal.problem)
    } else {
      sendRefusal(refuse(request, refusal.decision, reply), reply).catch(fail)
    }
    return false
  })
}

/** Sends what an option `refuse` returns, as of a handler of Fastify. */
async function sendRefusal(refusal: unknown, reply: FastifyReplyLike): Promise<void> {
  const body = await refusal
  if (body !== undefined && !reply.sent) reply.send(body)
}

/** The header fields of a reply of Fastify. */
class ReplyHeaders implements HeaderSink {
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
