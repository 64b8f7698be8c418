/** After a change the short items settle first, so a window waits until most of those that were under way at its opening have settled. */
const MOST_OF = 7 / 8
/** It waits for no more once so many have settled for each item of the level, and a few: some of the old may hang. */
const ENOUGH = { perItem: 4, atLeast: 24 } as const
/** It lasts for so much of an item's time, at least. */
const PART_OF_ITEM = 1 / 8
/** A level of which so much was under way, on average, was kept. */
const FULL = 0.75
/** Items differ where the variance of their times is above this part of the square of their mean. */
const SPREAD = 0.1

export class RateWindow {
  settled = 0
  succeeded = 0
  #inFlight = 0
  #sumMs = 0
  #squares = 0
  /** How many of the items that were under way when it opened have not settled. */
  #old: number

  /**
   * @param fromMs - when it began
   * @param started - so many items had been started when it opened
   * @param inFlight - so many of them were under way
   */
  constructor(
    readonly fromMs: number,
    readonly started: number,
    inFlight: number,
    readonly isRepeated = false,
  ) {
    this.#old = Math.max(1, inFlight * MOST_OF)
  }

  /** @param before - how many items had been started before this one */
  add(before: number, ms: number, inFlight: number, isSuccess: boolean): void {
    this.settled++
    this.#inFlight += inFlight
    if (before < this.started) this.#old--
    if (!isSuccess) return
    this.succeeded++
    this.#sumMs += ms
    this.#squares += ms * ms
  }

  /** One item that hangs does not hold it open. Items that are started together settle together: within such a bunch there is no rate to see. */
  isComplete(nowMs: number, level: number, least: number): boolean {
    const isRound = this.#old <= 0 && nowMs - this.fromMs >= this.meanMs * PART_OF_ITEM
    return (isRound && this.settled >= least) || this.settled >= ENOUGH.perItem * level + ENOUGH.atLeast
  }

  /** Whether the source gave enough items to keep the level. */
  wasFull(level: number): boolean {
    return this.#inFlight >= FULL * level * this.settled
  }

  rate(nowMs: number): number {
    return this.succeeded / Math.max(1e-3, nowMs - this.fromMs)
  }

  get failedShare(): number {
    return 1 - this.succeeded / this.settled
  }

  get meanMs(): number {
    return this.#sumMs / Math.max(1, this.succeeded)
  }

  /** Whether items differ so much that one window may be chance. */
  get isSpread(): boolean {
    const { meanMs } = this
    return this.#squares / Math.max(1, this.succeeded) - meanMs * meanMs > SPREAD * meanMs * meanMs
  }
}
