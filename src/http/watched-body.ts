import type { Readable } from 'node:stream'

/** Whether a body is a stream as node-fetch gives it. */
export function isNodeStream(body: unknown): body is Readable {
  return typeof (body as { readonly pipe?: unknown } | null | undefined)?.pipe === 'function'
}

/** A body of no more than this is read at once, whether or not it is used: refusals are often left unread. */
const SMALL_BYTES = 16_384

/** Ends bodies that nobody can read any more, as Node's own fetch does with those of responses that were thrown away unread. */
const abandoned = new FinalizationRegistry<() => void>((give) => give())

/**
 * The same response. `ended` is called once its body has ended, was cancelled, broke, or was collected unread; immediately if it has none.
 *
 * @param ended - gets whether the body came to its end; with `seen`, a body that breaks is reported when it is read on
 * @param seen - gets each chunk as it passes @throws {TypeError} with it, if the body is no web stream
 */
export function watchBody(
  response: Response,
  ended: (isWhole: boolean) => void,
  seen?: (chunk: Uint8Array) => void,
): Response {
  const given: unknown = response.body ?? null
  const length = response.headers.get('content-length')
  // A stream with nothing in it would only end if it were read, and few programs do that.
  if (given === null || [204, 205, 304].includes(response.status) || length === '0') {
    ended(true)
    return response
  }
  let isOver = false
  const end = (isWhole: boolean): void => {
    if (isOver) return
    isOver = true
    ended(isWhole)
  }
  if (isNodeStream(given)) {
    if (seen !== undefined)
      throw new TypeError(
        "fetch must answer with a web stream, as the global fetch does; received a Node stream's body",
      )
    given.once('end', () => end(true)).once('close', () => end(false))
    return response
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  // A body breaks even if nobody reads it: its request is aborted, or its connection is reset. With `seen`, chunks may still be on their way.
  reader.closed.catch(() => {
    if (seen === undefined) end(false)
  })
  const isSmall = Number(length ?? Infinity) <= SMALL_BYTES
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            end(true)
            controller.close()
          } else {
            seen?.(value)
            controller.enqueue(value)
          }
        } catch (error) {
          end(false)
          controller.error(error)
          // If `seen` has failed, the body is still open.
          await reader.cancel(error).catch(() => undefined)
        }
      },
      async cancel(reason) {
        end(false)
        await reader.cancel(reason)
      },
    },
    {
      highWaterMark: seen === undefined && isSmall ? SMALL_BYTES + 1 : 0,
      // A program's own stream may contain other things than bytes.
      size: (chunk: Partial<Uint8Array>) => chunk.byteLength ?? 1,
    },
  )
  abandoned.register(body, () => {
    end(false)
    reader.cancel().catch(() => undefined)
  })
  return withOrigin(new Response(body, { headers: response.headers }), response)
}

/** Gives a copy, and its clones, what a new Response cannot be given: a server may answer with status 999, or a reason in Chinese. */
function withOrigin(copy: Response, response: Response): Response {
  for (const name of ['url', 'redirected', 'type', 'status', 'statusText', 'ok'] as const)
    Object.defineProperty(copy, name, { value: response[name], configurable: true })
  const clone = (): Response => withOrigin(Response.prototype.clone.call(copy), response)
  Object.defineProperty(copy, 'clone', { value: clone, configurable: true, writable: true })
  return copy
}
