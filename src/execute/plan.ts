import type { RunMode } from './schedule/cost-model.js'
import type { Profile } from './schedule/profile.js'

/** How a task will be run on its items, and why; made by {@link optimize}. */
export interface Plan<R> {
  /** How the items are to be run. */
  readonly mode: RunMode
  /** Worker threads (mode 'threads') or items in flight (mode 'async'); 0 for the loop. This thread works beside the workers. */
  readonly workers: number
  /** Most items that a worker takes at a time, in a chunk or in a claim; fewer towards the end. */
  readonly chunkSize: number
  /** Estimated time of the loop over that of this plan, at most: what others do on the machine meanwhile comes on top. */
  readonly estimatedSpeedup: number
  /** Why, in a sentence. */
  readonly reason: string
  /** What should be known before: a sentence each. */
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
