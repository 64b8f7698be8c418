/** The identity of a route of Fastify: one path may have a route for each method, version or host. */
export interface FastifyRoute {
  readonly method?: unknown
  readonly url?: unknown
  readonly constraints?: unknown
}

/** The name of a route, the same in every process. */
export function routeName({ method, url, constraints }: FastifyRoute): string {
  const others = Object.entries(constraints ?? {}).map(([name, value]) => ` ${name}=${String(value)}`)
  return `${String(method)} ${String(url)}${others.join('')}`
}
