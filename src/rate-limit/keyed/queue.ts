import type { Clock } from '../../internal/time/clock.js'
import type { Outcome } from '../../memory/bucket/bucket.js'
import type { Key } from '../../memory/keyed/key.js'
import type { KeyedTable } from '../../memory/keyed/table.js'
import { WaitQueue } from '../waiting/wait-queue.js'
import { WaitTally } from '../waiting/wait-tally.js'
import { WaitingKey } from './waiting-key.js'

/** The callers of one keyed limiter that wait in this thread: a queue for each key that somebody waits for, and none for other keys. */
export class KeyedQueue {
  readonly #table: KeyedTable
  readonly #clock: Clock
  readonly #queues = new Map<Key, WaitQueue>()
  /** The buckets of keys that somebody waits for, or that have reservations. */
  readonly #buckets = new Map<Key, WaitingKey>()
  readonly tally = new WaitTally()
  #arrivals = 0

  constructor(table: KeyedTable, clock: Clock) {
    this.#table = table
    this.#clock = clock
  }

  /** How many callers wait. */
  get size(): number {
    return this.tally.waiting
  }

  /** Whether somebody waits for the key. */
  has(key: Key): boolean {
    return this.#queues.size > 0 && this.#queues.has(key)
  }

  /** Waits for the caller's turn; see {@link WaitQueue.wait}. */
  wait(
    key: Key,
    tokens: number,
    signal: AbortSignal | undefined,
    admitted: () => void,
    place = this.arrive(),
  ): Promise<void> {
    return this.#queueOf(key).wait(tokens, signal, admitted, place)
  }

  /** The next place in the order of arrival, across all keys. */
  arrive(): number {
    return this.#arrivals++
  }

  /** How long a newcomer would wait for `tokens`, ms. */
  estimateMs(key: Key, tokens: number): number {
    return this.#queues.get(key)?.line.estimateMs(tokens) ?? this.#table.look(key, tokens).waitMs
  }

  /** Tokens of the key, including those held for callers. */
  spare(key: Key): number {
    return this.#queues.get(key)?.line.spare() ?? this.#table.look(key, 1).available
  }

  /** Admits callers that are due; see {@link WaitQueue.catchUp}. */
  catchUp(key: Key): void {
    if (this.has(key)) this.#queues.get(key)?.catchUp()
  }

  /** Gives tokens of the key back. Callers that wait for it are served earlier. */
  refund(key: Key, tokens: number): number {
    const returned = this.#buckets.get(key)?.refund(tokens) ?? this.#table.refund(key, tokens)
    this.#queues.get(key)?.recheck()
    return returned
  }

  /** Takes tokens of the key even if they are not there. */
  charge(key: Key, tokens: number): Outcome {
    return this.#buckets.get(key)?.charge(tokens) ?? this.#table.charge(key, tokens)
  }

  /** Admits no caller of the key for `ms` > 0. */
  pause(key: Key, ms: number): void {
    this.#empty(key, () => this.#table.pause(key, ms))
  }

  /** Fills the key's bucket. */
  reset(key: Key): void {
    this.#empty(key, () => {
      this.#table.reset(key)
    })
  }

  /** The key's bucket, for callers that wait for it or reserve from it. */
  bucketOf(key: Key): WaitingKey {
    return this.#buckets.get(key) ?? new WaitingKey(this.#table, key, this)
  }

  /** Keeps a key's bucket as long as it is needed, since it knows its reservations; else forgets it. */
  keep(key: Key, bucket: WaitingKey): void {
    if (this.#queues.has(key) || bucket.places.size > 0) {
      this.#buckets.set(key, bucket)
    } else {
      bucket.rest()
      this.#buckets.delete(key)
    }
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (const queue of [...this.#queues.values()]) queue.refuseAll(reason)
  }

  /** Makes a change that the line would not notice by itself; see {@link WaitQueue.change}. */
  change<T>(key: Key, isGain: boolean, change: () => T): T {
    const queue = this.#queues.get(key)
    return queue === undefined ? change() : queue.change(isGain, change)
  }

  #queueOf(key: Key): WaitQueue {
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const bucket = this.bucketOf(key)
    const idle = (): void => {
      this.#queues.delete(key)
      this.keep(key, bucket)
    }
    const made = new WaitQueue(bucket, this.#clock, { tally: this.tally, idle })
    this.#queues.set(key, made)
    this.keep(key, bucket)
    return made
  }

  /** Makes a change that ends all reservations of the key. */
  #empty(key: Key, change: () => unknown): void {
    const bucket = this.#buckets.get(key)
    bucket?.places.clear()
    if (bucket !== undefined) this.keep(key, bucket)
    this.change(key, false, change)
  }
}
