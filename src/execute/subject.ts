import { TaskNotTransferableError } from '../errors.js'
import { isWorkerOfOurs } from './nesting.js'
import type { CompleteOptions } from './options.js'
import type { Course, SinceJoined, Subject } from './schedule/course.js'
import type { Evidence } from './schedule/sample.js'
import type { ResolvedTask } from './task.js'
import type { ThreadWide } from './thread-wide.js'
import { whyNotShared } from './transfer/shared-policies.js'

/** A task with its options, as the scheduler asks of it. */
export function subjectOf(task: ResolvedTask, options: CompleteOptions, { sources }: ThreadWide): Subject {
  const { mode, policies } = options
  return {
    key: task.key,
    options,
    mayHaveWorkers: () =>
      mode !== 'serial' &&
      mode !== 'async' &&
      !isWorkerOfOurs() &&
      whyNotShared(policies) === undefined &&
      !(sources.atOnce(task) instanceof TaskNotTransferableError),
  }
}

/** Teaches the scheduler what came of a run, and has workers ready for runs to come if it says so. */
export function learn(
  task: ResolvedTask,
  course: Course,
  evidence: Evidence,
  { pools, scheduler, sources }: ThreadWide,
  since?: SinceJoined,
): void {
  const pool = pools.of(course.subject.options.maxMemoryPerWorker)
  const count = scheduler.after(course, evidence, since, pool)
  const sent = sources.atOnce(task)
  if (count > 0 && !(sent instanceof TaskNotTransferableError)) pool.prepare(count, (worker) => void worker.load(sent))
}
