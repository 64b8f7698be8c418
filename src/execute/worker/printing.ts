import { Writable } from 'node:stream'
import { realClearTimeout, realSetImmediate, realSetTimeout } from '../../internal/time/real-timers.js'
import { Cell } from './protocol.js'

/** While items follow each other, the event loop has a turn for what they print after so long. */
const TURN_MS = 5
/** More is not kept here: it waits until the thread that has started the worker takes it, as a loop waits for the reader of its output. */
const MOST_CHARACTERS = 1 << 20

/** It waits no longer than that: the other thread's output may have been closed, and takes nothing any more. */
const PATIENCE_MS = 1000

/**
 * The output of items. The thread that has started the worker writes it, and takes it bit by bit, for which the worker's event loop must
 * turn. Until it has all of it, the process must not end for want of anything else to do.
 */
export class Printing {
  readonly #cells: Int32Array
  readonly #printed: () => void
  /** This thread's own: a task may put others in their place. */
  readonly #streams: readonly Writable[] = [process.stdout, process.stderr]
  #isNoted = false
  #turnedMs = 0
  #allTaken: (() => void)[] = []
  /** Nothing was taken for so long that nobody waits for it any more. */
  #isGivenUp = false

  /** @param printed - called when nothing that was noted is left */
  constructor(cells: Int32Array, printed: () => void) {
    this.#cells = cells
    this.#printed = printed
  }

  /** Before ended items are reported: notes whether some of their output is still here, and returns that. */
  note(): boolean {
    if (this.#isNoted) return !this.#isGivenUp
    const going = this.#streams.filter(isGoing)
    let left = going.length
    if (left === 0) return false
    this.#isNoted = true
    Atomics.store(this.#cells, Cell.PRINTING, 1)
    // This write comes after all earlier ones. A task may have replaced this method.
    for (const stream of going) Writable.prototype.write.call(stream, '', 'utf8', () => --left === 0 && this.#taken())
    return true
  }

  /** The promise that the next item has to wait for, so that the output of those before can go; undefined if it need not. */
  turn(nowMs: number): Promise<void> | undefined {
    if (nowMs - this.#turnedMs < TURN_MS) return undefined
    this.#turnedMs = nowMs
    const going = this.#streams.filter(isGoing)
    if (going.length === 0) return undefined
    if (this.#isGivenUp || going.every(({ writableLength }) => writableLength <= MOST_CHARACTERS))
      return new Promise((resolve) => realSetImmediate(resolve))
    this.note()
    return this.#untilTaken()
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      const timer = realSetTimeout(() => {
        this.#isGivenUp = true
        resolve()
      }, PATIENCE_MS)
      this.#allTaken.push(() => {
        realClearTimeout(timer)
        resolve()
      })
    })
  }

  #taken(): void {
    this.#isNoted = this.#isGivenUp = false
    // Others must never see that there is nothing while there is.
    if (this.note()) return
    Atomics.store(this.#cells, Cell.PRINTING, 0)
    this.#printed()
    for (const taken of this.#allTaken.splice(0)) taken()
  }
}

/** Whether a stream has something, and is about to hand it over. */
function isGoing({ writableLength, writableEnded, writableCorked, destroyed }: Writable): boolean {
  return writableLength > 0 && !writableEnded && writableCorked === 0 && !destroyed
}
