import type { EarlierRuns } from '../../records/checkpoint-log.js'
import type { ItemSource } from './item-source.js'
import { type Measured, runSample, type Sampled } from '../schedule/sample.js'

/** An item at the beginning of a source, and its outcome; without one if an earlier run has finished it. */
export interface FirstItem {
  readonly item: unknown
  readonly outcome: Sampled['outcome'] | undefined
}

/** Most items of earlier runs that are passed over to find some that are left. */
const MOST_DRAWN = 100_000

/**
 * Draws items from the source until there are `size` that no earlier run has finished, and runs those to measure them.
 *
 * @param drawn - items that have been drawn already
 */
export async function runFirst(
  call: (item: unknown) => unknown,
  drawn: readonly unknown[],
  source: ItemSource,
  size: number,
  earlier: EarlierRuns | undefined,
): Promise<{ readonly items: readonly FirstItem[]; readonly measured: Measured }> {
  const all = [...drawn]
  const isFinished: boolean[] = []
  let left = 0
  for (;;) {
    for (let index = isFinished.length; index < all.length; index++) {
      const was = earlier?.has(index, all[index]) ?? false
      isFinished.push(was)
      if (!was) left++
    }
    if (left >= size || all.length >= MOST_DRAWN) break
    const more = await draw(source, size - left)
    if (more.length === 0) break
    for (const item of more) all.push(item)
  }
  const { sampled, measured } = await runSample(
    call,
    all.filter((_, index) => isFinished[index] === false),
  )
  const outcomes = sampled.values()
  const items = all.map((item, index) => ({
    item,
    outcome: isFinished[index] === true ? undefined : outcomes.next().value?.outcome,
  }))
  return { items, measured }
}

/** A source some of whose items have been drawn already: these come first. */
export class PrefixedSource implements ItemSource {
  readonly #source: ItemSource
  readonly #drawn: readonly unknown[]
  #position = 0

  constructor(drawn: readonly unknown[], source: ItemSource) {
    this.#drawn = drawn
    this.#source = source
  }

  get total(): number | null {
    return this.#source.total
  }

  get ended(): boolean {
    return this.#position === this.#drawn.length && this.#source.ended
  }

  set whenMore(whenMore: () => void) {
    this.#source.whenMore = whenMore
  }

  take(most: number, room?: number): ArrayLike<unknown> {
    if (this.#position === this.#drawn.length) return this.#source.take(most, room)
    const from = this.#position
    this.#position = Math.min(this.#drawn.length, from + most)
    return this.#drawn.slice(from, this.#position)
  }

  close(): void {
    this.#position = this.#drawn.length
    this.#source.close()
  }
}

/** Draws up to `count` items, fewer if there are no more. What the source throws comes through. */
export async function draw(source: ItemSource, count: number): Promise<unknown[]> {
  const drawn: unknown[] = []
  while (drawn.length < count) {
    const taken = source.take(count - drawn.length)
    for (const item of Array.from(taken)) drawn.push(item)
    if (taken.length > 0) continue
    if (source.ended) break
    await new Promise<void>((resolve) => (source.whenMore = resolve))
  }
  return drawn
}

/** All items of a source as the caller would have seen them: what was drawn, then the rest. */
export function* iterate(drawn: readonly unknown[], source: ItemSource): Generator {
  yield* drawn
  while (!source.ended) yield* Array.from(source.take(1))
}

/** As {@link iterate}, for a source that has to be waited for. */
export async function* iterateAsync(drawn: readonly unknown[], source: ItemSource): AsyncGenerator {
  yield* drawn
  for (;;) {
    const next = await draw(source, 1)
    if (next.length === 0) return
    yield next[0]
  }
}
