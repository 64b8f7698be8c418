import { Calibration } from './schedule/calibration.js'
import { Machine } from './schedule/machine.js'
import { Scheduler } from './schedule/scheduler.js'
import { TaskResolver } from './task-resolver.js'
import { WorkerPools } from './threads/worker-pools.js'
import { SharedPolicies } from './transfer/shared-policies.js'
import { TaskSources } from './transfer/task-source.js'
import { Warnings } from './warnings.js'

/** What all runs of a thread share. Each run is given it; nothing else in execute keeps anything from one run to the next. */
export class ThreadWide {
  readonly machine = new Machine()
  /** What moving work costs, … */
  readonly calibration = new Calibration()
  /** … and what runs teach: the next ones go by it. */
  readonly scheduler = new Scheduler(this.machine, this.calibration)
  readonly pools = new WorkerPools({
    heapBytes: () => this.machine.heapOfWorker(),
    spawned: (ms) => this.calibration.learn('spawnMs', ms),
  })
  readonly tasks = new TaskResolver()
  readonly sources = new TaskSources()
  readonly policies = new SharedPolicies()
  readonly warnings = new Warnings()
}

/** That of this thread. */
export const threadWide = new ThreadWide()
