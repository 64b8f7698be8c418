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
export interface Replayable {
  readonly method: string
  readonly url: string
  readonly signal: AbortSignal | undefined
  /** Whether it can be sent again. */
  readonly repeats: boolean
  /** The arguments of fetch for one attempt. `isLast`: none will follow. */
  attempt(signal: AbortSignal | undefined, isLast: boolean): [input: string | URL | Request, init: RequestInit]
}

/**
 * Reads the arguments of fetch.
 *
 * @param input - as fetch takes it
 * @param init - as fetch takes it; `body` may be a function
 */
export function replayable(input: string | URL | Request, init: PolicyRequestInit = {}): Replayable {
  const request = input instanceof Request ? input : null
  const { body, signal: ownSignal, ...rest } = init
  const given = body ?? null
  const isMaker = typeof given === 'function'
  const repeats = isMaker || (given === null ? true : isKept(given))
  return {
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    url: request?.url ?? (input as string | URL).toString(),
    signal: ownSignal ?? request?.signal,
    repeats,
    attempt(signal, isLast) {
      const made = isMaker ? given() : given
      const withBody: RequestInit = made === null ? {} : { body: made }
      // Node's fetch wants to be told that it sends a stream before it has the answer.
      if (made instanceof ReadableStream) Object.assign(withBody, { duplex: 'half' })
      // A request's own body is read by sending it, so that it is copied first where it might be sent again.
      const source =
        request === null ? input : request.body !== null && made === null && !isLast ? request.clone() : request
      return [source, { ...rest, ...withBody, ...(signal === undefined ? {} : { signal }) }]
    },
  }
}

/** Whether a body is there again after it has been sent. */
function isKept(body: RequestBody): boolean {
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof FormData
  )
}
