import { addOutcome } from '../../internal/run-error.js'
import type { Run } from './run.js'
import type { ArraySink, SettledSink } from './sinks.js'

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
