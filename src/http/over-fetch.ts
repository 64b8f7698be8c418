/** What sends a request. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Functions of this package, which a program may put in the place of the global fetch. */
const own = new WeakSet<object>()

/**
 * Makes a fetch over another one: `given`, or the global fetch of the moment, so that a test's counts. It may itself be put in that place, or be
 * called by what is: then it sends by the global fetch that was there when it was made, and does not ask itself for ever.
 */
export function overFetch<F extends (...request: never[]) => Promise<Response>>(
  given: Fetch | undefined,
  make: (send: Fetch) => F,
): F {
  if (given !== undefined) return made(make(given))
  const { fetch: before } = globalThis
  let isGlobal = false
  let isAsking = false
  const fetch = make((input, init) => {
    const { fetch: present } = globalThis
    if (isGlobal || own.has(present)) return before(input, init)
    isAsking = true
    try {
      return present(input, init)
    } finally {
      isAsking = false
    }
  })
  return made(((...request: Parameters<F>) => {
    if (!isAsking) return fetch(...request)
    isGlobal = true
    return before(...(request as unknown as Parameters<Fetch>))
  }) as F)
}

function made<F extends object>(fetch: F): F {
  own.add(fetch)
  return fetch
}
