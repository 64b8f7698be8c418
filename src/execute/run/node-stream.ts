/** What is used of a stream of Node, or of its package `readable-stream`. */
interface StreamLike {
  on(event: 'error', listener: () => void): unknown
  removeListener(event: 'error', listener: () => void): unknown
  destroy(): unknown
}

const METHODS = ['pipe', 'on', 'removeListener', 'destroy']

/**
 * A stream of Node that items come from. A generator iterates it, which does nothing before its first `next()`: nobody hears an error of the
 * stream until then, which ends the process. Nor does closing it destroy the stream then, or while a `next()` waits for a stream that is silent.
 */
export class NodeStream {
  readonly #stream: StreamLike
  /** The stream keeps its error for whoever reads it. */
  readonly #keep = (): void => undefined
  #isUnread = true

  private constructor(stream: StreamLike) {
    this.#stream = stream
    stream.on('error', this.#keep)
  }

  /** @returns undefined where `items` is no such stream */
  static of(items: object): NodeStream | undefined {
    const isStream = METHODS.every((name) => typeof (items as Record<string, unknown>)[name] === 'function')
    return isStream ? new NodeStream(items as StreamLike) : undefined
  }

  /** Its iterator has begun, and hears of errors itself. */
  isRead(): void {
    if (this.#isUnread) this.#stream.removeListener('error', this.#keep)
    this.#isUnread = false
  }

  destroy(): void {
    this.#stream.destroy()
  }
}
