/** Items with neighbouring indices that one lane has taken. */
export interface Batch {
  /** Index of the first item. */
  readonly start: number
  readonly items: ArrayLike<unknown>
  /** How often the first item has been tried before. */
  readonly attempts: number
  /** Whether a worker has died of one of them: each result is then reported before the next item starts. */
  readonly isCareful: boolean
}

/** An item that has been taken and has not settled, with how often it has been tried. */
export interface Unsettled {
  readonly index: number
  readonly item: unknown
  readonly attempts: number
}

/** Batches of those with neighbouring indices and as many attempts, in order; each result is to be reported before the next item starts. */
export function carefulBatches(unsettled: readonly Unsettled[]): Batch[] {
  const batches: (Batch & { readonly items: unknown[] })[] = []
  for (const { index, item, attempts } of [...unsettled].sort((a, b) => a.index - b.index)) {
    const last = batches.at(-1)
    if (last !== undefined && last.start + last.items.length === index && last.attempts === attempts)
      last.items.push(item)
    else batches.push({ start: index, items: [item], attempts, isCareful: true })
  }
  return batches
}
