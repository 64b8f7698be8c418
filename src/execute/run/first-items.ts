import type { EarlierRuns } from '../../records/checkpoint-log.js'
import { draw } from './prefixed-source.js'
import type { ItemSource } from './item-source.js'
import { type Measured, runSample, type Sampled } from '../schedule/sample.js'

/** An item at the beginning of a source, and what came of it; without an outcome if an earlier run has finished it. */
export interface FirstItem {
  readonly item: unknown
  readonly outcome: Sampled['outcome'] | undefined
}

/** So far the items of earlier runs are followed to find some that are left. */
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
    all.push(...more)
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
