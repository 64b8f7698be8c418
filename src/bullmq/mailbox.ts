/** Hands what is put into it to one reader, in order. */
export class Mailbox<T> implements AsyncIterable<T> {
  readonly #letters: T[] = []
  #wake: (() => void) | undefined = undefined
  #isClosed = false

  put(letter: T): void {
    if (this.#isClosed) return
    this.#letters.push(letter)
    this.#wake?.()
  }

  /** The reader ends when it has read what is there. */
  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const letter = this.#letters.shift()
      if (letter !== undefined) yield letter
      else if (this.#hasClosed()) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Read through a method: it changes while the reader waits. */
  #hasClosed(): boolean {
    return this.#isClosed
  }
}
