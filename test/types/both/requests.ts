// The request of options that are functions, where nothing around them says whose it is: middleware that is kept to be used, and asked, later.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connectLimit, honoLimit, shed } from 'amorsize/http'
import { type Context, Hono } from 'hono'

export const guard = shed({ priority: ({ method, url }) => (method === 'HEAD' || url === '/health' ? Infinity : 5) })
export const limit = connectLimit({
  limits: { burst: { requestsPerSecond: 5, cost: ({ url }) => (url === '/report' ? 2 : 1) } },
  skip: (request) => request.method === 'OPTIONS',
})

createServer((request, response) => {
  guard(request, response, () => limit(request, response, () => response.end(`${guard.stats().running} running`)))
})

/** What h3, for one, takes: a middleware whose `next` wants an Error. */
export const taken: ((request: IncomingMessage, response: ServerResponse, next: (error?: Error) => void) => unknown)[] =
  [connectLimit({ limits: { burst: { requestsPerSecond: 5 } } }), shed()]

interface Signed {
  readonly Variables: { user: string }
}
new Hono<Signed>()
  .use(shed.hono({ priority: ({ req }) => (req.method === 'HEAD' || req.path === '/health' ? Infinity : 5) }))
  .use(
    honoLimit<Context<Signed>>({ limits: { burst: { requestsPerSecond: 5 } }, key: (context) => context.get('user') }),
  )
