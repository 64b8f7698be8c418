import type { Fetch } from './over-fetch.js'

/** What fetch takes as a body. */
export type RequestBody = NonNullable<RequestInit['body']>

/** A body that is made anew for each attempt. */
export type BodyMaker = () => RequestBody | null

/** What {@link policyFetch} takes beside fetch's own options. */
export interface PolicyRequestInit extends Omit<RequestInit, 'body'> {
  /** A function makes the body of each attempt, so that a stream can be sent again. */
  body?: RequestBody | BodyMaker | null | undefined
}

/** A request as it is sent, perhaps several times. */
export class Replayable {
  readonly method: string
  readonly url: string
  readonly signal: AbortSignal | undefined
  /** Whether it can be sent again. */
  readonly repeats: boolean
  readonly #input: string | URL | Request
  readonly #init: PolicyRequestInit | undefined

  /**
   * Reads the arguments of fetch.
   *
   * @param input - as fetch takes it
   * @param init - as fetch takes it; `body` may be a function
   */
  constructor(input: string | URL | Request, init: PolicyRequestInit | undefined) {
    this.#input = input
    this.#init = init
    const request = isRequest(input) ? input : null
    const body = init?.body ?? null
    this.method = (init?.method ?? request?.method ?? 'GET').toUpperCase()
    this.url = request?.url ?? (input as string | URL).toString()
    this.signal = init?.signal ?? request?.signal
    this.repeats = body === null || typeof body === 'function' || isKept(body)
  }

  /** Sends it once. `isLast`: it will not be sent again. */
  send(fetch: Fetch, signal: AbortSignal | undefined, isLast: boolean): Promise<Response> {
    const init = this.#init
    const source = this.#input
    if (init === undefined && typeof source === 'string')
      return signal === undefined ? fetch(source) : fetch(source, { signal })
    const { body: given, ...rest } = init ?? {}
    const made = typeof given === 'function' ? given() : (given ?? null)
    const withBody: RequestInit = made === null ? {} : { body: made }
    // Node's fetch wants to be told that it sends a stream before it has the answer.
    if (made instanceof ReadableStream) Object.assign(withBody, { duplex: 'half' })
    // A request's own body is read by sending it, so that it is copied first where it might be sent again.
    const isCopied = isRequest(source) && source.body !== null && made === null && !isLast
    return fetch(isCopied ? source.clone() : source, {
      ...rest,
      ...withBody,
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

/** Also one of another fetch, which has a class of its own. */
function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && !(input instanceof URL) && typeof input.url === 'string'
}

/** Whether a body is there again after it has been sent. */
function isKept(body: RequestBody): boolean {
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    // Also those of another fetch.
    /^\[object (Blob|File|FormData)\]$/.test(Object.prototype.toString.call(body))
  )
}
