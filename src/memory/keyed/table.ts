import type { Outcome } from '../bucket/core.js'
import type { Axis } from '../shared/axis.js'
import type { Key } from './hash.js'

/** A bucket for every key, as this thread sees it: through the addon, or through the TypeScript twin. */
export interface KeyedTable {
  /** Takes one token: undefined if it was there, false if not, null if `key` is none. Bound: may be called on its own. */
  readonly take: (key: Key) => undefined | false | null
  /** Takes `tokens` if all are there. 'busy' here and below: every slot the key could have is in use. */
  tryAcquire(key: Key, tokens: number): Outcome
  refund(key: Key, tokens: number): number
  /** Takes `tokens`, also what is not there. */
  charge(key: Key, tokens: number): Outcome
  /** Lets the key have nothing for `ms` > 0. */
  pause(key: Key, ms: number): Outcome
  /** What the key has, and how long it would have to wait for `tokens`. */
  look(key: Key, tokens: number): { available: number; waitMs: number }
  /**
   * What a queue of the key's callers needs to know. Its generation is that of the key's slot, and `RESERVED` if callers may have reserved; a key that can have none yet is paused until
   * there is one.
   *
   * @param base - what places are relative to: whole units of the axis that all keys share
   */
  survey(key: Key, base: number): Axis
  /** Takes the next `units` of the key's axis; as `WaitingBucket.reserveRun`. Until that is too old, nothing up to its end is given back but by `returnRun`. */
  reserveRun(key: Key, axis: Axis, units: number, reach: number, limit: number): number | null
  /** Gives back the last `units` of a run that ends at `end`, if nobody stands behind it; 0 units: says that nothing is reserved any more. */
  returnRun(key: Key, axis: Axis, end: number, units: number): boolean
  /** Milliseconds until production has come to `place`. */
  msUntil(axis: Axis, place: number): number
  /** Fills the key's bucket, but for what callers may have reserved. */
  reset(key: Key): void
  /** Keys that have less than a full bucket. */
  size(): number
  /** Of a table with a name: adds decisions to what those who watch can see. */
  addCounts?(allowed: number, denied: number): void
  /** Of a table with a name: lets go of its memory. What is called afterwards finds an empty table. */
  letGo?(): void
}
