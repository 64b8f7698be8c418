import { isNodeStream } from '../watched-body.js'
import type { Fetch } from './over-fetch.js'

/** A body for fetch. */
export type RequestBody = NonNullable<RequestInit['body']>

/** A body that is made again for each attempt. */
export type BodyMaker = () => RequestBody | null

/** Options of {@link policyFetch}'s calls beside those of fetch. */
export interface PolicyRequestInit extends Omit<RequestInit, 'body'> {
  /** A function makes the body of each attempt, so that a stream can be sent again. */
  body?: RequestBody | BodyMaker | null | undefined
}

/** Fetch has refused to send a request at all: no failure of the server, so it has the name of what breakers do not count. */
export class NotSent extends Error {
  override readonly name = 'AbortError'

  /** @param refusal - what fetch has thrown */
  constructor(readonly refusal: unknown) {
    super('not sent')
  }
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
  /** Whether it is a Request whose body was read before, which no fetch sends. */
  readonly #isUsed: boolean

  constructor(input: string | URL | Request, init: PolicyRequestInit | undefined) {
    const given = asFetched(input, init)
    this.#input = given.input
    this.#init = given.init
    const request = isRequest(given.input) ? given.input : null
    const body = given.init?.body ?? null
    this.method = (given.init?.method ?? request?.method ?? 'GET').toUpperCase()
    this.url = request?.url ?? (input as string | URL).toString()
    this.signal = given.init?.signal ?? request?.signal ?? undefined
    this.#isUsed = body === null && request?.bodyUsed === true
    this.repeats = body === null || typeof body === 'function' || !isStream(body)
  }

  /** The outcome of sending it, as policies are to see it: {@link NotSent} if that was impossible. */
  failure(error: unknown): unknown {
    const isRefusal = (): boolean => this.#isUsed || isImpossible(this.url, this.#init ?? {}, this.method)
    return error instanceof TypeError && isRefusal() ? new NotSent(error) : error
  }

  /** See {@link letGoIfAborted}. */
  letGoIfAborted(): void {
    letGoIfAborted(this.signal, this.#input, this.#init)
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
    // Node's fetch demands this option if it sends a stream.
    if (made !== null && isStream(made)) Object.assign(withBody, { duplex: 'half' })
    // Sending a request reads its own body, so it is cloned first if it might be sent again.
    const isCopied = isRequest(source) && source.body !== null && made === null && !isLast
    return fetch(isCopied ? source.clone() : source, {
      ...rest,
      ...withBody,
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

/** Whether no fetch could send it, whatever the server does: a header field, a method or a mode that cannot be. */
function isImpossible(url: string, init: PolicyRequestInit, method: string): boolean {
  const body = init.body === undefined || init.body === null ? null : ''
  try {
    new Request(url, { ...init, method, body, signal: null })
    return false
  } catch {
    return true
  }
}

/** The arguments for fetch. A Request, or an object like one, may replace the options: a copy would lack the fields of its class. */
export function asFetched<I extends object>(
  input: string | URL | Request,
  init: I | undefined,
): { input: string | URL | Request; init: I | undefined } {
  const type: unknown = Object.getPrototypeOf(init ?? {})
  const isPlain = type === null || Object.getPrototypeOf(type) === null
  return isPlain ? { input, init } : { input: new Request(input, init), init: undefined }
}

/** Also one of another fetch, which has a class of its own. */
export function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && !(input instanceof URL) && typeof input.url === 'string'
}

/** Lets go of a stream that nobody will send any more, and of the file behind it, as fetch does once its signal is aborted. */
export function letGoIfAborted(
  signal: AbortSignal | undefined,
  input: string | URL | Request,
  init: PolicyRequestInit | undefined,
): void {
  if (signal?.aborted !== true) return
  const stream: unknown = init?.body ?? (isRequest(input) ? input.body : null)
  // A stream of the oldest kind has no destroy.
  if (isNodeStream(stream)) (stream as Partial<typeof stream>).destroy?.()
  // If a fetch has taken a web stream, the fetch cancels it.
  else if ((stream as Partial<ReadableStream> | null)?.locked === false)
    (stream as ReadableStream).cancel(signal.reason).catch(() => undefined)
}

/** Whether a body is gone once it has been sent, as streams are, and what is read bit by bit. */
function isStream(body: RequestBody): boolean {
  const { getReader, pipe, [Symbol.asyncIterator]: iterator } = Object(body) as Record<PropertyKey, unknown>
  return [getReader, pipe, iterator].some((method) => typeof method === 'function')
}
