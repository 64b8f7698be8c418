import type { EarlierRuns } from '../../records/checkpoint-log.js'
import { type Measured, runSample, SampleItem } from '../schedule/sample.js'
import type { ItemSource } from './item-source.js'

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
): Promise<{ readonly items: readonly SampleItem[]; readonly measured: Measured }> {
  const items: SampleItem[] = []
  const left: SampleItem[] = []
  let more = drawn
  do {
    for (const item of more) {
      const one = new SampleItem(item)
      if (earlier?.has(items.length, item) !== true) left.push(one)
      items.push(one)
    }
    more = left.length < size && items.length < MOST_DRAWN ? await draw(source, size - left.length) : []
  } while (more.length > 0)
  return { items, measured: await runSample(call, left) }
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
