import type { NodeResponse } from './response-end.js'
import { type Gate, type HeaderSink, middlewareOf, type Next, type ResponseWriter } from './verdict.js'

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

/** A hook with a callback, which costs no promise. `refuse` may return what is sent, as a handler of Fastify does. */
export function fastifyHook<Request, Decision>(
  gate: Gate<Request, Decision>,
  refuse: ((request: Request, decision: Decision, reply: FastifyReplyLike) => unknown) | undefined,
): (request: Request, reply: FastifyReplyLike, done: Next) => void {
  const refuseAndSend = async (request: Request, decision: Decision, reply: FastifyReplyLike): Promise<void> => {
    const body = await refuse?.(request, decision, reply)
    if (body !== undefined && !reply.sent) reply.send(body)
  }
  return middlewareOf<Request, FastifyReplyLike, Decision>(gate, FASTIFY, refuse && refuseAndSend)
}

/** The header fields of a reply of Fastify. */
class ReplyHeaders implements HeaderSink {
  constructor(readonly reply: FastifyReplyLike) {}

  getHeader(name: string): unknown {
    return this.reply.getHeader(name)
  }

  setHeader(name: string, value: string): void {
    this.reply.header(name, value)
  }
}

const FASTIFY: ResponseWriter<FastifyReplyLike> = {
  sinkOf: (reply) => (reply.sent ? undefined : new ReplyHeaders(reply)),
  nodeOf: (reply) => reply.raw,
  setStatus: (reply, status) => reply.code(status),
  send: (reply, body) => reply.send(body),
}
