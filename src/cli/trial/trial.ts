import { runChild } from '../child-process.js'
import type { TaskArgument } from '../items/task-argument.js'

/** How a trial runs its items: options of `execute`. Without a mode, `execute` chooses. */
export interface Way {
  readonly mode?: 'serial' | 'async' | 'threads'
  readonly workers?: number
  readonly chunkSize?: number
}

/** One run that is timed, in a process of its own. */
export interface TrialJob {
  readonly task: TaskArgument
  /** Path of an NDJSON file or of a `.json` file with one array; without it, `range` numbers, from 0 on. */
  readonly items?: string | undefined
  readonly range?: number | undefined
  readonly way: Way
  /** Milliseconds an item may take. */
  readonly timeoutMs?: number | undefined
  /** Milliseconds the run may take, the start of its process included. */
  readonly limitMs: number
}

/** The measurements of a trial. */
export interface Trial {
  readonly elapsedMs: number
  readonly items: number
  /** Digest of the items: equal for the same items in the same order. */
  readonly itemsDigest: string | null
  /** Digest of the results; null if they cannot be written as JSON. */
  readonly resultsDigest: string | null
  /** Whether the function returns promises; checked only in mode 'serial', otherwise false. */
  readonly isAsync: boolean
}

/** A trial did not end within its time limit. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError'
}

/** The command, hidden from help, that a trial's process runs. */
export const TRIAL = 'trial'

/**
 * Runs a trial in its own process. It shares no compiled code, heap or worker with others, and can be ended whatever the function does.
 *
 * @throws {TooLongError} when it takes longer than `job.limitMs`
 * @throws {Error} with the child's message, when the module cannot be loaded or an item fails
 */
export async function runTrial(job: TrialJob): Promise<Trial> {
  const { limitMs } = job
  const startMs = performance.now()
  try {
    const program = process.argv[1] ?? ''
    const args = [...process.execArgv, program, TRIAL, JSON.stringify(job)]
    return (await runChild(args, { timeoutMs: Math.ceil(limitMs) })) as Trial
  } catch (error) {
    if (performance.now() - startMs < limitMs) throw error
    throw new TooLongError(`it did not end within ${limitMs} ms`, { cause: error })
  }
}
