import type { WorkerLane } from './worker-lane.js'

/** The lanes of a run's workers. */
export class Roster extends Set<WorkerLane> {
  /** Since when there has been a lane. */
  #sinceMs = 0

  override add(lane: WorkerLane): this {
    if (this.size === 0) this.#sinceMs = performance.now()
    return super.add(lane)
  }

  #count(is: (lane: WorkerLane) => boolean): number {
    let count = 0
    for (const lane of this) if (is(lane)) count++
    return count
  }

  /** How many workers have loaded the task. */
  get ready(): number {
    return this.#count(({ isLoaded }) => isLoaded)
  }

  /** For how long none of them has begun anything; 0 if one has, or has nothing to do. */
  get unbegunMs(): number {
    return this.size === 0 ? 0 : Math.min(...Array.from(this, ({ unbegunMs }) => unbegunMs))
  }

  get held(): number {
    return this.#count(({ isLeaving }) => !isLeaving)
  }

  get spare(): number {
    return this.#count(({ isSpare }) => isSpare)
  }

  get leaving(): number {
    return this.#count(({ isLeaving, isLate }) => isLeaving && !isLate)
  }

  get heldMs(): number {
    return performance.now() - this.#sinceMs
  }

  /** Has one leave for another run, if any can: one that has nothing to do if there is one. */
  makeWay(): void {
    const able = [...this].filter((lane) => lane.isLoaded && !lane.isLeaving)
    const lane = able.find(({ isSpare }) => isSpare) ?? able[0]
    lane?.makeWay()
  }

  /** Takes back from the one that has most to do half of what it has not begun. @returns whether there was anything */
  takeBack(): boolean {
    let fullest: WorkerLane | undefined
    for (const lane of this) if (lane.waiting > (fullest?.waiting ?? 0)) fullest = lane
    return fullest?.takeBack() ?? false
  }
}
