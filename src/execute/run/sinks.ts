import { addOutcome } from '../../internal/run-error.js'
import type { Sink } from './account.js'
import type { Run } from './run.js'

/** Puts results where `execute` wants them: in input order. */
export class ArraySink implements Sink {
  readonly results: unknown[]

  /** @param results - those that are there already, in order from index 0 */
  constructor(results: unknown[]) {
    this.results = results
  }

  finished(index: number, result: unknown): void {
    this.results[index] = result
  }

  finishedAll(start: number, results: ArrayLike<unknown>): void {
    const all = this.results
    for (let i = 0; i < results.length; i++) all[start + i] = results[i]
  }

  failed(): void {
    // The run ends with the error.
  }
}

/** Puts outcomes in input order, as `Promise.allSettled` does. */
export class SettledSink implements Sink {
  readonly results: PromiseSettledResult<unknown>[] = []

  finished(index: number, value: unknown): void {
    this.results[index] = { status: 'fulfilled', value }
  }

  finishedAll(start: number, values: ArrayLike<unknown>): void {
    for (let i = 0; i < values.length; i++) this.finished(start + i, values[i])
  }

  failed(index: number, reason: unknown): void {
    this.results[index] = { status: 'rejected', reason }
  }
}

/** Waits for the end of a run. @returns what its sink has been given; an error of the run as a whole carries it too */
export async function resultsOf(run: Run, sink: ArraySink | SettledSink): Promise<unknown[]> {
  try {
    await run.ended
    // Room was made for all items that there seemed to be; a task may have shortened the array.
    if (sink.results.length > run.supply.next) sink.results.length = run.supply.next
    return sink.results
  } catch (error) {
    addOutcome(error, sink.results, run.options.deadLetter ?? null)
    throw error
  }
}
