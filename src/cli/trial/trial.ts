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
  /** Path of an NDJSON file; or `range`, as many numbers from 0. */
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
  /** Of the items: the same for the same items in the same order. */
  readonly itemsDigest: string | null
  /** Of the results; null if they cannot be written as JSON. */
  readonly resultsDigest: string | null
  /** Whether the function returns promises. */
  readonly isAsync: boolean
}

/** A trial that did not end in the time it had. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError'
}

/** The command, hidden from help, that a trial's process runs. */
export const TRIAL = 'trial'

/**
 * Runs a trial in a process of its own, which shares no compiled code, heap or worker with another, and can be ended whatever the function does.
 *
 * @throws {TooLongError} when it takes longer than it may
 * @throws {Error} when the module cannot be loaded or an item fails, with what the child said
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
