import type { Share } from '../schedule/sharing.js'
import type { SentPolicy } from '../transfer/shared-policies.js'

/** How the workers of a run are to work. */
export interface Terms {
  readonly workers: number
  /** What an item is expected to take in a worker. */
  readonly itemMs: number
  /** Promises a worker keeps in flight. */
  readonly inFlight: number
  /** What workers apply to each item. */
  readonly policies: readonly SentPolicy[]
  /** Is told whether workers compute, or would if there were any. */
  readonly share: Share
  /** Called when a worker is ready to run items, … */
  readonly loaded: () => void
  /** … and when one has told of items that it has run. */
  readonly progressed: () => void
  /** Called when items that have a time limit return promises. */
  readonly itemsWait: () => void
  /** Called when too many results cannot be sent as they are. */
  readonly unfit: (reason: string) => void
  /** Called when workers are long in coming: meanwhile this thread is to run items. */
  readonly goOnHere: () => void
  /** Called when no worker can do anything for the run. @returns whether it can go on without */
  readonly without: (error: unknown) => boolean
}
