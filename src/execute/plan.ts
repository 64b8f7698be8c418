import type { Considered, RunMode } from './model/cost-model.js'
import { explainPlan } from './model/explain.js'
import type { Profile } from './model/profile.js'

/** How a task will be run on its items, and why; made by {@link optimize}. */
export interface Plan<R> {
  readonly mode: RunMode
  /** Worker threads (mode 'threads') or items in flight (mode 'async'); 0 for the loop. This thread works beside the workers. */
  readonly workers: number
  /** Items a worker is sent at a time to begin with. */
  readonly chunkSize: number
  /** Estimated time of the loop over that of this plan. */
  readonly estimatedSpeedup: number
  /** Why, in a sentence. */
  readonly reason: string
  readonly warnings: readonly string[]
  /** All items, those of the sample too: nothing is lost from a generator. It and {@link run} draw from the same source. */
  readonly items: Iterable<unknown> | AsyncIterable<unknown>
  /** Every measured input of the decision. */
  readonly profile: Profile
  /** Whether nothing had to be run, because the task was measured before. */
  readonly cacheHit: boolean
  /** A report for a person: what was measured, what was considered, why this choice, what would change it. */
  explain(): string
  /** Runs what the sample has left, and gives all results. A second call gives the same promise. */
  run(): Promise<R[]>
}

/** A {@link Plan} as `optimize` makes it. */
export class MeasuredPlan<R> implements Plan<R> {
  readonly mode: RunMode
  readonly workers: number
  readonly chunkSize: number
  readonly estimatedSpeedup: number
  readonly reason: string
  readonly warnings: readonly string[]
  readonly items: Iterable<unknown> | AsyncIterable<unknown>
  readonly profile: Profile
  readonly cacheHit: boolean
  readonly #start: () => Promise<R[]>
  #running: Promise<R[]> | undefined = undefined

  constructor(
    chosen: Considered,
    details: Pick<Plan<R>, 'estimatedSpeedup' | 'reason' | 'warnings' | 'items' | 'profile' | 'cacheHit'>,
    start: () => Promise<R[]>,
  ) {
    this.mode = chosen.mode
    this.workers = chosen.workers
    this.chunkSize = chosen.chunkSize
    this.estimatedSpeedup = details.estimatedSpeedup
    this.reason = details.reason
    this.warnings = details.warnings
    this.items = details.items
    this.profile = details.profile
    this.cacheHit = details.cacheHit
    this.#start = start
  }

  explain(): string {
    return explainPlan(this)
  }

  run(): Promise<R[]> {
    return (this.#running ??= this.#start())
  }
}
