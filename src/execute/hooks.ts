import { notifyOn } from '../internal/events/listeners.js'
import { checkFunction, checkKeys } from '../internal/options/validate.js'
import type { Progress } from '../records/recorder.js'
import type { Items } from './run/item-source.js'
import type { RunMode } from './schedule/cost-model.js'
import type { Task } from './task.js'

/**
 * Listeners of a run. Each gets one object. An error of one is reported once, as a process warning, and changes no result.
 */
export interface RunHooks {
  /** The run begins; `total` is null where the source does not say. */
  readonly onStart?: ((event: { readonly total: number | null }) => void) | undefined
  /** A worker thread joins the run; again when it comes back after another run has had it. */
  readonly onWorkerStart?: ((event: { readonly worker: number; readonly threadId: number }) => void) | undefined
  /** A worker thread of the run has ended. */
  readonly onWorkerExit?:
    ((event: { readonly worker: number; readonly threadId: number; readonly exitCode: number }) => void) | undefined
  /** A worker has finished `count` items from index `start` on. */
  readonly onChunk?:
    ((event: { readonly worker: number; readonly start: number; readonly count: number }) => void) | undefined
  /** An item failed for good. */
  readonly onItemError?:
    | ((event: {
        readonly index: number
        readonly item: unknown
        readonly error: unknown
        readonly attempts: number
      }) => void)
    | undefined
  /** At most ten times per second, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** The run has ended; `error` is there if it failed as a whole. */
  readonly onEnd?: ((event: RunEnd) => void) | undefined
}

/** The argument of `onEnd`. */
export interface RunEnd {
  /** How the items were run, in the end. */
  readonly mode: RunMode
  /** Items that have a result. */
  readonly completed: number
  /** Items that have none: their function threw, or their worker ended. */
  readonly failed: number
  /** From the start of the run to its end. */
  readonly elapsedMs: number
  /** The error of the run; undefined if it did not fail. */
  readonly error?: unknown
}

const NAMES = ['onStart', 'onWorkerStart', 'onWorkerExit', 'onChunk', 'onItemError', 'onProgress', 'onEnd'] as const

/** @throws {TypeError} when a hook is unknown or not a function */
export function checkHooks(hooks: RunHooks | undefined): void {
  if (hooks === undefined) return
  checkKeys('hooks', hooks, NAMES)
  for (const name of NAMES) {
    const hook = hooks[name]
    if (hook !== undefined) checkFunction(`hooks.${name}`, hook)
  }
}

export function callHook<N extends keyof RunHooks>(
  hooks: RunHooks | undefined,
  name: N,
  event: Parameters<NonNullable<RunHooks[N]>>[0],
): void {
  notifyOn(hooks, `hooks.${name}`, hooks?.[name] as ((event: unknown) => unknown) | undefined, event)
}

/** The context of the messages on `tracing:amorsize:execute`. */
export interface TracedRun {
  readonly task: Task
  /** How many items there are; null where that is not known before they come. */
  readonly total: number | null
}

export function tracedRunOf(task: Task, items: Items<unknown>): TracedRun {
  // Items that cannot be iterated are refused later.
  const { length, size } = Object(items) as { readonly length?: unknown; readonly size?: unknown }
  const count = length ?? size
  return { task, total: typeof count === 'number' ? count : null }
}
