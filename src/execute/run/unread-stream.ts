/** What is used of a stream of Node, or of its package `readable-stream`. */
interface StreamLike {
  on(event: 'error', listener: () => void): unknown
  removeListener(event: 'error', listener: () => void): unknown
  destroy(): unknown
}

const METHODS = ['pipe', 'on', 'removeListener', 'destroy']

/**
 * A stream of Node of which nothing has been read. A generator iterates it, and does nothing before its first `next()`: nobody hears an error of
 * the stream, which then ends the process, and closing the generator leaves the stream open.
 */
export class UnreadStream {
  readonly #stream: StreamLike
  /** The stream keeps its error for whoever reads it. */
  readonly #keep = (): void => undefined

  private constructor(stream: StreamLike) {
    this.#stream = stream
    stream.on('error', this.#keep)
  }

  /** @returns undefined where `items` is no such stream */
  static of(items: object): UnreadStream | undefined {
    const isStream = METHODS.every((name) => typeof (items as Record<string, unknown>)[name] === 'function')
    return isStream ? new UnreadStream(items as StreamLike) : undefined
  }

  /** Its iterator has begun, and hears of errors itself. */
  isRead(): void {
    this.#stream.removeListener('error', this.#keep)
  }

  destroy(): void {
    this.#stream.destroy()
  }
}
