import { Cell } from './protocol.js'

/**
 * What items print. The thread that has started the worker writes it, and takes it bit by bit: until it has all of it, the process must not
 * end for want of anything else to do.
 */
export class Printing {
  readonly #cells: Int32Array
  readonly #printed: () => void
  #isNoted = false

  /** @param printed - called when nothing that was noted is left */
  constructor(cells: Int32Array, printed: () => void) {
    this.#cells = cells
    this.#printed = printed
  }

  /** Before others are told of what has ended: notes whether something that it has printed is still here. */
  note(): void {
    const streams = [process.stdout, process.stderr]
    if (this.#isNoted || streams.every(({ writableLength }) => writableLength === 0)) return
    this.#isNoted = true
    Atomics.store(this.#cells, Cell.PRINTING, 1)
    let left = streams.length
    // What is written comes after all that was before.
    for (const stream of streams) stream.write('', () => --left === 0 && this.#taken())
  }

  #taken(): void {
    this.#isNoted = false
    Atomics.store(this.#cells, Cell.PRINTING, 0)
    this.note()
    this.#printed()
  }
}
