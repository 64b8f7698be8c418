import type { Ticket } from './bucket.js'
import type { Key } from './key-hash.js'
import type { Outcome } from './token-bucket.js'

/** A bucket for every key, as this thread sees it: through the addon, or through the TypeScript twin. */
export interface KeyedTable {
  /** Takes one token: undefined if it was there, false if not, null if `key` is none. Bound: may be called on its own. */
  readonly take: (key: Key) => undefined | false | null
  /** Takes `tokens` if all are there. 'busy' here and below: every slot the key could have is in use. */
  tryAcquire(key: Key, tokens: number): Outcome
  /** Reserves `tokens` if they will be there within `maxWaitMs`. */
  reserve(key: Key, tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: Ticket }
  /** Gives back a reservation that is the last one of its key; of another, nothing. Returns the tokens given back. */
  cancel(key: Key, ticket: Ticket, tokens: number): number
  refund(key: Key, tokens: number): number
  /** Takes `tokens`, also what is not there. */
  charge(key: Key, tokens: number): Outcome
  /** Lets the key have nothing for `ms` > 0, and one token then. */
  pause(key: Key, ms: number): Outcome
  /** What the key has, and how long it would have to wait for `tokens`. */
  look(key: Key, tokens: number): { available: number; waitMs: number }
  reset(key: Key): void
  /** Keys that have less than a full bucket. */
  size(): number
  /** Of a table with a name: lets go of its memory. What is called afterwards finds an empty table. */
  close?(): void
}
