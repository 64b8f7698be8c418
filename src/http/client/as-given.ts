/*
 * What a request is sent with, as it is when it is asked for, which is when fetch and undici read it. One that waits is sent later, and its caller
 * may have used the same objects for the next one by then. Bytes are not copied: there may be many of them.
 */

/** What fetch reads of its options, and undici's fetch. */
const FIELDS = [
  'method',
  'headers',
  'body',
  'duplex',
  'signal',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'referrer',
  'referrerPolicy',
  'integrity',
  'keepalive',
  'priority',
  'dispatcher',
]

export function inputNow(input: string | URL | Request): string | URL | Request {
  return input instanceof URL ? new URL(input) : input
}

export function initNow<I extends { headers?: unknown; body?: unknown }>(init: I | undefined): I | undefined {
  if (typeof init !== 'object' || (init as unknown) === null) return init
  const now = { ...init }
  // A Request may stand here, or what looks like one, whose fields are those of its class. Others of it may refuse to be read.
  if (Object.getPrototypeOf(init) !== Object.prototype)
    for (const key of FIELDS) if (key in init) Object.assign(now, { [key]: (init as Record<string, unknown>)[key] })
  if (now.headers !== undefined) now.headers = headersNow(now.headers)
  if (isForm(now.body)) now.body = formNow(now.body)
  return now
}

/** Header fields as fetch takes them, or undici. */
export function headersNow<H>(headers: H): H {
  if (Array.isArray(headers))
    return headers.map((field: unknown) => (Array.isArray(field) ? field.slice() : field)) as H
  if (typeof headers !== 'object' || headers === null) return headers
  // They keep the case of names, which a walk over them does not tell.
  if (isForm(headers)) return new (classOf(headers) as new (same: H) => H)(headers)
  return Symbol.iterator in headers ? headers : { ...headers }
}

/** Headers, a FormData or URLSearchParams, whosever class it is. */
interface Form extends Iterable<[string, never]> {
  append(name: string, value: never): void
}

function isForm(given: unknown): given is Form {
  const { append, [Symbol.iterator]: iterator } = Object(given) as Partial<Form>
  return typeof append === 'function' && typeof iterator === 'function'
}

/** The class that has `append`: a program's own, which extends it, may be made from something else. */
function classOf(form: Form): unknown {
  let made: unknown
  for (let type: unknown = form; type !== null; type = Object.getPrototypeOf(type))
    if (Object.hasOwn(type as Form, 'append')) made = (type as Form).constructor
  return made
}

function formNow<F extends Form>(form: F): F {
  const now = new (classOf(form) as new () => F)()
  for (const [name, value] of form) now.append(name, value)
  return now
}
