import type { Sink } from './account.js'
import { CARRY, type Carrying } from '../elsewhere.js'
import { callHook } from '../hooks.js'
import type { ItemSource } from './item-source.js'
import type { CompleteOptions } from '../options.js'
import { recordersOf } from '../../records/recorders.js'
import { Run } from './run.js'
import type { ResolvedTask } from '../task.js'

/** What a carrier is told of the run it is for. */
export interface Beginning {
  readonly task: ResolvedTask
  readonly source: ItemSource
  readonly options: CompleteOptions
}

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
  const carrier = (options.on as Carrying<Beginning, Run> | undefined)?.[CARRY]({ task, source, options })
  const own = await recordersOf(options, { task: task.identity, total: source.total })
  const recorders = carrier === undefined ? own : [...own, carrier]
  if (options.signal?.aborted === true) {
    for (const recorder of recorders) await recorder.close?.()
    throw options.signal.reason
  }
  callHook(options.hooks, 'onStart', { total: source.total })
  return new Run(options, task, source, first, sink, recorders, carrier)
}
