import type { AsyncLocalStorage } from 'node:async_hooks'
import { builtins } from '../../internal/builtins.js'

/** A function that sends a request. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Stands for the global fetch where there is none, as in the jsdom of Jest. */
const missing = (): Promise<Response> =>
  Promise.reject(new TypeError('fetch must be given where there is no global fetch; received undefined'))

const globalFetch = (): Fetch => (globalThis as { readonly fetch?: Fetch }).fetch ?? missing

/** Functions of this package, which a program may put in the place of the global fetch. */
const own = new WeakSet<object>()

/**
 * Makes a fetch on top of another one: `given`, or the current global fetch, so that a test can replace it. If the new fetch becomes the global
 * one, or the global one calls it, it sends by the global fetch that was there when it was made, and does not call itself for ever.
 */
export function overFetch<F extends (...request: never[]) => Promise<Response>>(
  given: Fetch | undefined,
  make: (send: Fetch) => F,
): F {
  if (given !== undefined) return made(make(given))
  const before = globalFetch()
  /** Global fetches that have called this one. */
  const around = new WeakSet<Fetch>()
  /** The global fetch that this one has called; made only once there is another one than before. */
  let asking: AsyncLocalStorage<Fetch> | undefined
  const fetch = make((input, init) => {
    const present = globalFetch()
    if (present === before || own.has(present) || around.has(present)) return before(input, init)
    asking ??= new builtins.asyncHooks.AsyncLocalStorage()
    return asking.run(present, present, input, init)
  })
  return made(((...request: Parameters<F>) => {
    const asked = asking?.getStore()
    // Before any policy: it is no failure of a server, and a retry would not help.
    if (asked === undefined) return globalFetch() === missing ? missing() : fetch(...request)
    around.add(asked)
    return before(...(request as unknown as Parameters<Fetch>))
  }) as F)
}

function made<F extends object>(fetch: F): F {
  own.add(fetch)
  return fetch
}
