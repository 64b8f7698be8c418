/** The part of a response of `node:http` or HTTP/2 that shows how it ends. */
export interface NodeResponse {
  readonly statusCode: number
  readonly writableFinished: boolean
  readonly headersSent?: boolean | undefined
  readonly destroyed?: boolean | undefined
  /** Of HTTP/2. */
  readonly stream?:
    | {
        readonly destroyed: boolean
        readonly aborted: boolean
        readonly sentHeaders?: Readonly<Record<string, unknown>> | undefined
        once(event: 'close', listener: () => void): unknown
      }
    | null
    | undefined
  /** Of HTTP/1: null while the response waits for those of requests before it on the same connection. */
  readonly socket?: unknown
  readonly req?:
    | {
        readonly socket?:
          { readonly destroyed: boolean; once(event: 'close', listener: () => void): unknown } | null | undefined
      }
    | undefined
  once(event: 'close' | 'finish', listener: () => void): unknown
}

type ClientSocket = NonNullable<NonNullable<NodeResponse['req']>['socket']>

/** The status of a request whose client went before its response had header fields. */
export const CLIENT_GONE = 499

/** By connection: the ends of responses that wait for others. If the connection ends before their turn, Node emits no event for them. */
const waitingEnds = new WeakMap<ClientSocket, Set<() => void>>()

/** Calls `gone` when the connection ends, until the function that this returns is called. */
function whenConnectionEnds(socket: ClientSocket, gone: () => void): () => void {
  const waiting = waitingEnds.get(socket) ?? new Set()
  if (!waitingEnds.has(socket)) {
    waitingEnds.set(socket, waiting)
    // One listener, however many requests a client sends at once.
    socket.once('close', () => waiting.forEach((each) => each()))
  }
  waiting.add(gone)
  return () => waiting.delete(gone)
}

/**
 * Calls `ended` once, when the response has been handed to the system or its client is gone; immediately if that has happened already. It gets
 * the status ({@link CLIENT_GONE} if the response had no header fields yet), and whether the whole response was sent.
 */
export function whenResponseEnds(response: NodeResponse, ended: (status: number, isWhole: boolean) => void): void {
  let hasEnded = false
  const end = (status = statusOf(response), whole = isWhole(response)): void => {
    if (hasEnded) return
    hasEnded = true
    ended(status, whole)
  }
  const socket = response.socket === null ? response.req?.socket : undefined
  if (response.destroyed === true || response.stream?.destroyed === true || socket?.destroyed === true) {
    end()
  } else if (socket !== undefined && socket !== null) {
    const forget = whenConnectionEnds(socket, end)
    response.once('close', () => {
      forget()
      end()
    })
  } else if (response.stream !== undefined && response.stream !== null) {
    // The response to a HEAD request of HTTP/2 that nobody has ended does not report its end; its stream does.
    response.stream.once('close', () => end())
  } else {
    // The response of a cloud function's adapter, or of a mock, may finish without 'close', or emit both at the same time.
    response.once('finish', () => end(sentStatusOf(response), true))
    response.once('close', () => {
      const [status, whole] = [statusOf(response), isWhole(response)]
      queueMicrotask(() => end(status, whole))
    })
  }
}

/** Once header fields were sent, the client may have read their status: it is the answer, whatever the client does next. */
function statusOf(response: NodeResponse): number {
  return (response.headersSent ?? response.writableFinished) ? sentStatusOf(response) : CLIENT_GONE
}

/** The status that was sent, though a program may set another when its client goes. Node keeps the text of the header fields. */
function sentStatusOf(response: NodeResponse & { readonly _header?: unknown }): number {
  const { statusCode, stream, _header } = response
  const line = typeof _header === 'string' ? /^HTTP\/\d\.\d (\d{3})/.exec(_header)?.[1] : undefined
  return Number(stream?.sentHeaders?.[':status'] ?? line ?? statusCode)
}

/** In HTTP/2, a response that was reset counts as finished, and the response to a HEAD request does from the beginning. */
function isWhole({ writableFinished, headersSent, stream }: NodeResponse): boolean {
  return writableFinished && headersSent !== false && stream?.aborted !== true
}
