import type { CompleteOptions } from '../options.js'
import type { Decision } from './decide.js'

/** Whose run it is. */
export interface Subject {
  /** What stands for the task; see `ResolvedTask.key`. */
  readonly key: object | string
  readonly options: CompleteOptions
  /** Whether workers could have the task, and the run may have any. Asked only when there is enough work. */
  readonly mayHaveWorkers: () => boolean
}

/** One run, as the scheduler follows it. */
export interface Course {
  readonly subject: Subject
  /** What the run has or is to have workers for; undefined while it is a loop. */
  decision: Decision | undefined
  /** It stays in the loop whatever it shows: workers have lost in the last run like it. */
  staysInLoop: boolean
  /** When to think again, in milliseconds of items. */
  notBeforeMs: number
  /** How much had been run when starting workers first seemed worth it, and has since. */
  seemedWorthAtMs: number
  isReconsidered: boolean
}

/** What a run has come to since its first worker joined. */
export interface SinceJoined {
  /** Items that were left then. */
  readonly items: number | null
  readonly settled: number
  readonly ms: number
}
