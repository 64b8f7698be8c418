/**
 * The same response, and a call once its body has ended, was cancelled or broke; at once when it has none.
 *
 * @param seen - gets each chunk as it passes
 * @param ended - called once, with whether the body came to its end; with `seen` of a body that broke only when it is read on
 */
export function watchBody(
  response: Response,
  ended: (isWhole: boolean) => void,
  seen?: (chunk: Uint8Array) => void,
): Response {
  if (response.body === null) {
    ended(true)
    return response
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let isOver = false
  const end = (isWhole: boolean): void => {
    if (isOver) return
    isOver = true
    ended(isWhole)
  }
  // A body that nobody reads breaks, too: when its request is aborted, or its connection is reset. Where chunks are looked at, one may be on
  // its way then, which must be seen before the end.
  reader.closed.catch(() => {
    if (seen === undefined) end(false)
  })
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
          // Where it is `seen` that failed, the body is still open.
          await reader.cancel(error).catch(() => undefined)
        }
      },
      async cancel(reason) {
        end(false)
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  const { status, statusText, headers } = response
  const copy = new Response(body, { status, statusText, headers })
  // What a new Response cannot be given.
  for (const name of ['url', 'redirected', 'type'] as const)
    Object.defineProperty(copy, name, { value: response[name], configurable: true })
  return copy
}
