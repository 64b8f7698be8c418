/** What sends a request. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Functions of this package, which a program may put in the place of the global fetch. */
const own = new WeakSet<object>()

/** Marks a function as one of this package. */
export function asOwn<F extends Fetch | ((...given: never[]) => Promise<Response>)>(fetch: F): F {
  own.add(fetch)
  return fetch
}

/** The global fetch of the moment, so that a test's counts. Where that is one of this package, which would ask itself for ever, it is the one of now. */
export function defaultFetch(): Fetch {
  const { fetch: before } = globalThis
  return (input, init) => {
    const { fetch: present } = globalThis
    return own.has(present) ? before(input, init) : present(input, init)
  }
}
