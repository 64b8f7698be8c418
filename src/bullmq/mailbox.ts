import { EventEmitter, on } from 'node:events'

/** Hands letters to one reader, in order. */
export class Mailbox<T> implements AsyncIterable<T> {
  readonly #post = new EventEmitter()
  readonly #letters = on(this.#post, 'letter', { close: ['closed'] }) as AsyncIterable<[T]>

  put(letter: T): void {
    this.#post.emit('letter', letter)
  }

  /** The reader ends after the letters that have been put. */
  close(): void {
    this.#post.emit('closed')
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const [letter] of this.#letters) yield letter
  }
}
