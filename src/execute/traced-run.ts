import type { Items } from './run/item-source.js'
import type { Task } from './task.js'

/** The context of the messages on `tracing:amorsize:execute`. */
export interface TracedRun {
  readonly task: Task
  /** How many items there are; null where that is not known before they come. */
  readonly total: number | null
}

/** What is told of a run to those who trace. */
export function runOf(task: Task, items: Items<unknown>): TracedRun {
  // What is none at all is refused later.
  const { length, size } = Object(items) as { readonly length?: unknown; readonly size?: unknown }
  const count = length ?? size
  return { task, total: typeof count === 'number' ? count : null }
}
