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

/** A server without a limit, and with a middleware that does nothing. */
export const server = Object.entries(nothing).flatMap(([framework, add]) => [
  { framework, headers: 'bare', add() {} },
  { framework, headers: 'empty', add: (load, app) => add(app) },
])
