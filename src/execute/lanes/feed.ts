import type { PoolWorker } from '../threads/pool-worker.js'
import type { DoneMessage } from '../worker/protocol.js'
import type { Lost } from './chunk-in-worker.js'
import type { Force } from './force.js'

/** What came of an item: its result, or why it failed. */
export interface Outcome {
  readonly value: unknown
  readonly failure: { readonly error: unknown } | undefined
}

/** A worker that works for a run, as the feeds of its lane see it. */
export interface FedWorker {
  readonly force: Force
  readonly worker: PoolWorker
  /** Stamped on all messages, so that what comes from an earlier run is known by it. */
  readonly runNumber: number
}

/** A way for a worker to get items of a run. What it has of a feed is known here alone. */
export interface Feed {
  /** Whether the worker has nothing of it. */
  readonly isEmpty: boolean
  /** What came of one item. @returns whether it is one of this feed */
  settle(index: number, outcome: Outcome): boolean
  /** The worker is through with what it was given by the message that this answers. */
  done(message: DoneMessage): void
  /** The worker is through with all that it was sent up to this chunk, and some of what it said could not be read. */
  allDone(upTo: number): void
  /** The worker has died: what it had and has not settled. The feed is empty then. */
  lost(): Lost[]
  /** What the worker has is given back to the run, for others. */
  giveBack(): void
}

/** Tells the run what came of an item. @param attempts - how often it was tried before */
export function tell(force: Force, index: number, item: unknown, { value, failure }: Outcome, attempts: number): void {
  if (failure === undefined) force.run.finish(index, value)
  else force.apart.failed(index, item, failure.error, attempts + 1)
}
