import { AsyncLane } from './async-lane.js'
import type { Considered } from './cost-model.js'
import { callWithPolicies } from './guarded-call.js'
import { HereLane } from './here-lane.js'
import { PaceOfLoop } from './pace.js'
import type { Measured } from './profile.js'
import type { Run } from './run.js'

/** What is under way or known when a run starts. */
export interface Beginning {
  /** How fast items have run so far. */
  readonly pace?: PaceOfLoop
  /** A promise that the item at `index` has returned before the run began. */
  readonly pending?: { readonly index: number; readonly item: unknown; readonly result: PromiseLike<unknown> }
  /** What a sample has shown. */
  readonly measured?: Measured
  /** A schedule that has been chosen already. */
  readonly decided?: Considered
}

/** Starts the lanes of a run, and adds others when what is measured says so. */
export function conduct(run: Run, beginning: Beginning = {}): void {
  const { pace = new PaceOfLoop(), pending, decided } = beginning
  const call = callWithPolicies(run.task, run.options, run.signal)
  const measured = (): void => undefined
  if (pending !== undefined) {
    const batch = { start: pending.index, items: [pending.item], attempts: 0, isCareful: false }
    new AsyncLane(run, call, pace, measured).start(pending.result, batch)
  } else if ((decided?.mode ?? run.options.mode) === 'async') {
    new AsyncLane(run, call, pace, measured).start()
  } else {
    new HereLane(run, call, pace, measured).start()
  }
}
