// What the language itself costs: nothing that awaits, or that reads the clock through JavaScript, can be faster.
export const title = 'Node'
export const role = 'floor'

export const decide = [
  {
    id: 'await',
    group: 'floor',
    title: 'a resolved promise',
    path: 'await',
    call: 'await promise',
    async make() {
      const promise = Promise.resolve()
      return () => promise
    },
  },
  {
    id: 'performance-now',
    group: 'floor',
    title: 'reading the clock',
    path: 'allowed',
    call: 'performance.now()',
    make: async () => () => performance.now() > 0,
  },
]

/** The function alone. */
export function policies(load, parts, use) {
  if (use !== 'none' || parts.length < 4) return null
  const answer = async () => 1
  return () => answer()
}

const nothing = {
  express: (app) => app.use((request, response, next) => next()),
  fastify: (app) => app.addHook('onRequest', (request, reply, done) => done()),
  hono: (app) => app.use((context, next) => next()),
}

/** Header fields as a limit writes them, always the same: what the framework takes to send them. */
const FIELDS = [
  ['ratelimit-policy', '"all";q=1000000;w=3600'],
  ['ratelimit', '"all";r=999999;t=3600'],
]
const fields = {
  express: (app) =>
    app.use((request, response, next) => {
      for (const [name, value] of FIELDS) response.setHeader(name, value)
      next()
    }),
  fastify: (app) =>
    app.addHook('onRequest', (request, reply, done) => {
      for (const [name, value] of FIELDS) reply.header(name, value)
      done()
    }),
  hono: (app) =>
    app.use((context, next) => {
      for (const [name, value] of FIELDS) context.env.outgoing.setHeader(name, value)
      return next()
    }),
}

/** The client's address as the framework has it, which is every limit's key: what asking for it takes. */
const address = {
  express: (app) => app.use((request, response, next) => next(asText(request.ip))),
  fastify: (app) => app.addHook('onRequest', (request, reply, done) => done(asText(request.ip))),
  hono: (app) => app.use((context, next) => asText(context.env.incoming.socket.remoteAddress) ?? next()),
}

/** Nothing; fails for what is no text, so that the address is really read. */
function asText(value) {
  if (typeof value !== 'string') throw new TypeError(`${value} is no address`)
}

/** A server without a limit, with a middleware that does nothing, with one that reads the client's address, and with one that sets two header fields. */
export const server = Object.keys(nothing).flatMap((framework) => [
  { framework, headers: 'bare', add() {} },
  { framework, headers: 'empty', add: (load, app) => nothing[framework](app) },
  { framework, headers: 'address', add: (load, app) => address[framework](app) },
  { framework, headers: 'fields', add: (load, app) => fields[framework](app) },
])
