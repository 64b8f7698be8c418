import type { CompleteOptions } from './options.js'
import type { RunRecorder } from './run-recorder.js'

/** What a run is about: its records belong to no other. */
export interface RunIdentity {
  /** URL and export of the task, or the source text of a function. */
  readonly task: string
  /** Number of items, null where it is unknown. */
  readonly total: number | null
}

/** The recorders that the options ask for. */
export function recordersOf(options: CompleteOptions, identity: RunIdentity): RunRecorder[] | Promise<RunRecorder[]> {
  return options.isPlain || identity.total === 0 ? [] : []
}
