import type { Sink } from './account.js'
import { callHook } from '../hooks.js'
import type { ItemSource } from './item-source.js'
import type { CompleteOptions } from '../options.js'
import { recordersOf } from '../../records/recorders.js'
import { addOutcome } from '../../internal/run-error.js'
import { Run } from './run.js'
import type { ArraySink, SettledSink } from './sinks.js'
import type { ResolvedTask } from '../task.js'

/**
 * A run with the recorders that its options ask for.
 *
 * @param first - index of the first item the source gives; what comes before has been run elsewhere
 */
export async function beginRun(
  task: ResolvedTask,
  source: ItemSource,
  sink: Sink,
  options: CompleteOptions,
  first = 0,
): Promise<Run> {
  const recorders = await recordersOf(options, { task: task.identity, total: source.total })
  if (options.signal?.aborted === true) {
    for (const recorder of recorders) await recorder.close?.()
    throw options.signal.reason
  }
  callHook(options.hooks, 'onStart', { total: source.total })
  return new Run(options, task, source, first, sink, recorders)
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
