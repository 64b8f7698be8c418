/** What is used of a response of `node:http` or HTTP/2 to learn how it ends. */
export interface NodeResponse {
  readonly statusCode: number
  readonly writableFinished: boolean
  readonly destroyed?: boolean | undefined
  /** Of HTTP/2. */
  readonly stream?: { readonly destroyed: boolean; readonly aborted: boolean } | null | undefined
  once(event: 'close', listener: () => void): unknown
}

/** The status of a request whose client went before it had its response. */
export const CLIENT_GONE = 499

/**
 * Calls `ended` once the response has been handed to the system, or its client is gone: at once where that has happened before.
 *
 * @param ended - gets the status, {@link CLIENT_GONE} where the response was cut
 */
export function whenResponseEnds(response: NodeResponse, ended: (status: number) => void): void {
  const tell = (): void => ended(isWhole(response) ? response.statusCode : CLIENT_GONE)
  if (response.destroyed === true || response.stream?.destroyed === true) tell()
  else response.once('close', tell)
}

/** HTTP/2 calls a response finished that was reset. */
function isWhole({ writableFinished, stream }: NodeResponse): boolean {
  return writableFinished && stream?.aborted !== true
}
