import {
  type BlockOfRun,
  Claims,
  shareMemory,
  type SharedWords,
  State,
  valueOf,
  wordsIn,
} from '../transfer/shared-words.js'
import { type Batch, partOf } from './item-source.js'

type Finished = (start: number, results: ArrayLike<unknown>) => void

/**
 * Numbers in shared memory. Each thread claims ranges of them with one atomic addition, and stores the results beside them. No item costs a
 * message.
 */
export class SharedBlock {
  /** What a worker needs to claim from it. */
  readonly ofRun: BlockOfRun
  readonly #words: SharedWords
  /** The run has been told about all items before this one. */
  #toldUpTo = 0
  readonly #originals: ArrayLike<unknown>
  /** Position among them of the first item that is shared. */
  readonly #from: number

  private constructor(ofRun: BlockOfRun, words: SharedWords, originals: ArrayLike<unknown>, from: number) {
    this.ofRun = ofRun
    this.#words = words
    this.#originals = originals
    this.#from = from
  }

  /**
   * Shares `items` from `from` on, if all of them are numbers.
   *
   * @param base - index in the run of the first item that is shared
   * @param lanes - threads that will claim
   */
  static of(items: ArrayLike<unknown>, from: number, base: number, lanes: number): SharedBlock | undefined {
    const count = items.length - from
    if (typeof items[from] !== 'number') return undefined
    const memory = shareMemory(count)
    const words = wordsIn(memory)
    return copyNumbers(items, from, words.items)
      ? new SharedBlock({ memory, base, lanes }, words, items, from)
      : undefined
  }

  get remaining(): number {
    return Math.max(0, this.#words.items.length - Atomics.load(this.#words.claims, Claims.NEXT))
  }

  /** Claims up to `most` items for this thread, which settles them by itself. */
  claim(most: number): Batch | undefined {
    const { items, claims, states } = this.#words
    const size = Math.min(most, this.remaining)
    if (size === 0) return undefined
    // order: seq_cst. Pairs with worker/claims.ts: each index is given out once.
    const from = Atomics.add(claims, Claims.NEXT, size)
    const to = Math.min(items.length, from + size)
    if (from >= to) return undefined
    states.fill(State.ELSEWHERE, from, to)
    return { start: this.ofRun.base + from, items: this.#part(from, to), attempts: 0, isCareful: false }
  }

  #part(from: number, to: number): unknown[] {
    const originals = this.#originals
    // The caller's own numbers: a small integer that comes from a Float64Array is another kind of number to the compiler.
    if (this.#from + to <= originals.length) return partOf(originals, this.#from + from, this.#from + to)
    // The array has been shortened since. All that was shared runs all the same: workers do not know.
    return Array.from(this.#words.items.subarray(from, to))
  }

  /** Claims all that is left, so that no thread begins anything more. */
  close(): void {
    Atomics.store(this.#words.claims, Claims.NEXT, this.#words.items.length)
  }

  /** Tells the run about results in shared memory since the last time. Results in messages are told as they arrive. */
  sweep(finished: Finished): void {
    const { states, values, items, claims } = this.#words
    const { base } = this.ofRun
    const claimed = Math.min(items.length, Atomics.load(claims, Claims.NEXT))
    let allTold = true
    /** Results that have come of neighbouring items. */
    let results: unknown[] = []
    for (let i = this.#toldUpTo; i < claimed; i++) {
      // order: seq_cst. Pairs with `publishState`.
      const state = Atomics.load(states, i)
      const hasCome = state !== State.UNSETTLED && state !== State.SENT && state !== State.ELSEWHERE
      if (hasCome) {
        states[i] = State.ELSEWHERE
        results.push(state === State.NUMBER ? values[i] : valueOf(state))
      } else if (results.length > 0) {
        finished(base + i - results.length, results)
        results = []
      }
      // What was sent has settled once its message is here: the worker may have died with it.
      allTold &&= state !== State.UNSETTLED && state !== State.SENT
      if (allTold) this.#toldUpTo = i + 1
    }
    if (results.length > 0) finished(base + claimed - results.length, results)
  }

  /** Items that have not settled, of a claim or of them all; they are taken out of the block. */
  takeUnsettled(from = 0, to = this.#words.items.length): number[] {
    const { states } = this.#words
    const { base } = this.ofRun
    const unsettled: number[] = []
    for (let i = from; i < to; i++) {
      if (states[i] !== State.UNSETTLED && states[i] !== State.SENT) continue
      states[i] = State.ELSEWHERE
      unsettled.push(base + i)
    }
    return unsettled
  }

  /** The message about an item has arrived. @returns whether it had not settled before */
  settled(index: number): boolean {
    const { states } = this.#words
    const i = index - this.ofRun.base
    const state = states[i]
    states[i] = State.ELSEWHERE
    return state === State.UNSETTLED || state === State.SENT
  }

  item(index: number): unknown {
    return this.#words.items[index - this.ofRun.base]
  }
}

/** Fills `numbers` with the items from `from` on; whether all of them are numbers. */
function copyNumbers(items: ArrayLike<unknown>, from: number, numbers: Float64Array): boolean {
  for (let i = 0; i < numbers.length; i++) {
    const item = items[from + i]
    if (typeof item !== 'number') return false
    numbers[i] = item
  }
  return true
}
