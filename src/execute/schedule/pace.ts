/** How long this thread may run items without giving the event loop a turn. */
export const SLICE_MS = 4

/** Items that wait are begun so many at once … */
export const FIRST_IN_FLIGHT = 64
/** … and later at most so many: what one program should hold open against others, unless it is told otherwise. */
export const MOST_IN_FLIGHT = 256

/** The least is forgotten by so much with each block. */
const FORGETTING = 1.05
/** How much one block changes what items take of late: that they become faster, as compiled code does, is believed sooner. */
const FASTER = 0.7
const SLOWER = 0.3
/** Fewer items than these say nothing of the least. */
const FEW = 3
/** Fewer say nothing of how much they differ; … */
export const FEW_TO_COMPARE = 8
/** … and by less than this, as part of the mean, they do not. */
const UNEVEN = 0.5

/** What times of items say: of how many, what one takes, and the coefficient of variation. */
export interface Pace {
  readonly items: number
  readonly itemMs: number
  readonly spread: number
}

/** What an item has to be expected to take that is longer than most: the mean and twice the spread. */
export function longMs({ itemMs, spread }: Pace): number {
  return itemMs * (1 + 2 * spread)
}

/** Whether items differ so much that some may keep this thread for longer than a slice, although most of them do not. */
export function isUneven(pace: Pace): boolean {
  return pace.items >= FEW_TO_COMPARE && pace.spread > UNEVEN && longMs(pace) > SLICE_MS
}

/** Whether items differ so much that some of them do not show what the others take: by chance, or the first from the last. */
export function isMixed(pace: PaceOfLoop): boolean {
  const { items, itemMs, totalMs, spread } = pace
  const meanMs = totalMs / items
  const isDrifting = meanMs > (1 + UNEVEN) * itemMs || itemMs > (1 + UNEVEN) * meanMs
  return items >= FEW_TO_COMPARE && (spread > UNEVEN || isDrifting)
}

/** How fast items run in this thread, smoothed so that a change shows soon. */
export class PaceOfLoop {
  items = 0
  totalMs = 0
  /** Milliseconds an item takes. */
  itemMs = 0
  /** What an item takes at least, of late: what else has had the core for a while is not in it. Not known before a few have run. */
  #leastMs = Infinity
  /** Mean of the squares of an item's time over blocks, for the spread. */
  #squares = 0
  #weight = 0
  /** What an item takes of late. */
  #latestMs = 0
  /** Items of the first block: it pays for loading and compiling what the task needs. */
  #firstItems = 0

  /** @param count - items run one after the other; @param ms - how long they took together */
  add(count: number, ms: number): void {
    const itemMs = Math.max(ms, 1e-6) / count
    if (this.items === 0) this.#firstItems = count
    else if (this.items === this.#firstItems && itemMs < this.itemMs) this.#weight = this.#squares = this.itemMs = 0
    const change = this.items === 0 ? 1 : itemMs < this.#latestMs ? FASTER : SLOWER
    this.#latestMs += (itemMs - this.#latestMs) * change
    this.items += count
    this.totalMs += ms
    this.#leastMs = Math.min(itemMs, this.#leastMs * FORGETTING)
    // The first blocks count fully, later ones by their share, so that one slow start does not stay for ever.
    this.#weight = Math.min(this.#weight + count, 4 * count + 64)
    const share = count / this.#weight
    this.itemMs += (itemMs - this.itemMs) * share
    this.#squares += (itemMs * itemMs - this.#squares) * share
  }

  /** See `#leastMs`; 0 until it is known. */
  get leastMs(): number {
    return this.items < FEW ? 0 : this.#leastMs
  }

  /** How much longer all items took together than they would at the pace of late: what a thread pays that has not run the task yet. */
  get coldMs(): number {
    return Math.max(0, this.totalMs - this.items * this.#latestMs)
  }

  /** Coefficient of variation of the item times, as far as blocks show it. */
  get spread(): number {
    return this.itemMs === 0 ? 0 : Math.sqrt(Math.max(0, this.#squares - this.itemMs * this.itemMs)) / this.itemMs
  }
}
