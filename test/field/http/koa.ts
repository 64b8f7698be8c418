// The recipe of docs/http/servers.md for Koa.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Middleware } from 'koa'

type Connect = (
  request: IncomingMessage & { ip?: string },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** A Connect middleware as one of Koa. */
export function koaOf(middleware: Connect): Middleware {
  return async (context, next) => {
    const goesOn = await new Promise<boolean>((resolve, reject) => {
      context.res.once('close', () => resolve(false))
      // The address as Koa's setting `proxy` has it.
      middleware(Object.assign(context.req, { ip: context.ip }), context.res, (error) =>
        error === undefined ? resolve(true) : reject(error),
      )
    })
    if (goesOn) return next()
    context.respond = false // It has answered.
  }
}
