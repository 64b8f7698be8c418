import { TaskNotTransferableError } from '../../errors.js'
import { isPolicy } from '../../internal/policy.js'
import { runError } from '../../internal/run-error.js'
import { messageOf } from '../../internal/text/error-text.js'
import type { ResolvedTask } from '../task.js'
import { type AroundFunction, isSloppy, shadowedBy } from './around-function.js'
import { helperOf, isForOlderEngines } from './helpers.js'
import { exportedFunction, importTaskModule } from './task-module.js'

/** A task on its way to a worker. */
export type TransferredTask =
  | { readonly id: number; readonly url: string; readonly export: string }
  | {
      readonly id: number
      readonly expression: string
      readonly isStrict: boolean
      /** Names of what the thread must give it. */
      readonly helpers: readonly string[]
    }
  | UncheckedTask

/** A function that has not been checked yet: the worker refuses it if it captures something. */
interface UncheckedTask {
  readonly id: number
  readonly name: string
  readonly source: string
  readonly around: AroundFunction
  /** Whether it is what a policy has made of a function. */
  readonly isGuarded: boolean
}

/** Knowledge about functions by their source: closures made in one place are one task. */
interface Inline {
  readonly unchecked: UncheckedTask
  outcome: TransferredTask | TaskNotTransferableError | undefined
  preparing: Promise<TransferredTask | TaskNotTransferableError> | undefined
}

const MOST_INLINE = 1000

/** Tasks as they are sent to the workers of this thread. */
class TaskSources {
  readonly #inline = new Map<string, Inline>()
  readonly #named = new Map<string, TransferredTask>()
  #lastId = 0

  /** The task as workers need it, or the error that says why they cannot have it. Found once for each task. */
  transferable(
    task: ResolvedTask,
  ): TransferredTask | TaskNotTransferableError | Promise<TransferredTask | TaskNotTransferableError> {
    const known = this.#namedTask(task)
    if (known !== undefined) return known
    const entry = this.#inlineOf(task)
    return entry.outcome ?? (entry.preparing ??= prepare(entry))
  }

  /**
   * The task as workers need it, at once. For a function that has not been checked it is the source: then the worker loads the parser
   * while this thread continues, which makes a cold start some 10 ms shorter.
   */
  sendable(task: ResolvedTask): TransferredTask | TaskNotTransferableError {
    const known = this.#namedTask(task)
    if (known !== undefined) return known
    const { outcome, unchecked } = this.#inlineOf(task)
    return outcome ?? unchecked
  }

  /** A worker has checked what {@link sendable} gave, and runs or refuses it. */
  checked(task: ResolvedTask, refusal: unknown): void {
    if (this.#namedTask(task) !== undefined) return
    const entry = this.#inlineOf(task)
    if (refusal instanceof TaskNotTransferableError) entry.outcome = refusal
    else if (refusal === undefined) entry.outcome ??= entry.unchecked
  }

  #namedTask(task: ResolvedTask): TransferredTask | TaskNotTransferableError | undefined {
    const { reference, obstacle } = task
    if (reference === undefined) return undefined
    if (obstacle !== undefined) return new TaskNotTransferableError(obstacle, { captured: [] })
    const { identity } = task
    let known = this.#named.get(identity)
    if (known === undefined)
      this.#named.set(identity, (known = { id: ++this.#lastId, url: reference.url, export: reference.export }))
    return known
  }

  #inlineOf({ call, identity }: ResolvedTask): Inline {
    // Strict or not, the text is the same.
    const key = isSloppy(call) ? `sloppy ${identity}` : identity
    let entry = this.#inline.get(key)
    if (entry === undefined) {
      const around = { isSloppy: isSloppy(call), shadowed: shadowedBy(call) }
      const isGuarded = isPolicy((call as { readonly policy?: unknown }).policy)
      const unchecked = { id: ++this.#lastId, name: call.name, source: identity, around, isGuarded }
      entry = { unchecked, outcome: undefined, preparing: undefined }
      const [oldest] = this.#inline.keys()
      if (this.#inline.size >= MOST_INLINE && oldest !== undefined) this.#inline.delete(oldest)
      this.#inline.set(key, entry)
    }
    return entry
  }
}

export const taskSources = new TaskSources()

async function prepare(entry: Inline): Promise<TransferredTask | TaskNotTransferableError> {
  try {
    return (entry.outcome = await check(entry.unchecked))
  } catch (error) {
    // The parser could not be read, for want of a file descriptor, say: the next run tries again.
    entry.preparing = undefined
    throw runError(`the task cannot be looked at: ${messageOf(error)}`, error)
  }
}

/** Finds what a function captures. Any thread can. */
async function check({
  id,
  name,
  source,
  around,
  isGuarded,
}: UncheckedTask): Promise<Extract<TransferredTask, { expression: string }> | TaskNotTransferableError> {
  const { analyseFunction } = await import('./captured-variables.js')
  const { captured, helpers, expression, isStrict } = analyseFunction(source, around)
  if (captured.length === 0) return { id, expression, isStrict, helpers }
  const subject = name === '' ? 'the task' : `the task '${name}'`
  if (isGuarded) {
    const message = `${subject} is guarded by a policy of this thread; pass the function itself with { policies }, or export it from a module and pass task(import.meta.url, 'name')`
    return new TaskNotTransferableError(message, { captured: [] })
  }
  const names = captured.join(', ')
  const way = captured.every(isForOlderEngines) ? ', or compile for ES2022 or later, where no function needs that' : ''
  return new TaskNotTransferableError(
    `${subject} captures ${names}, which a thread does not have; export it from a module and pass task(import.meta.url, 'name')${way}`,
    { captured: [...captured] },
  )
}

/** Why another thread cannot run the task, as a sentence; undefined if it can. */
export async function whyNotTransferable(task: ResolvedTask): Promise<string | undefined> {
  const outcome = await taskSources.transferable(task)
  return outcome instanceof TaskNotTransferableError ? outcome.message : undefined
}

export type WorkerTask = (item: unknown) => unknown

/**
 * Finds or makes the function of a task. An error of its module's import comes through.
 *
 * @throws {TaskNotTransferableError} when the task is a function that captures something
 */
export function loadTask(task: TransferredTask): WorkerTask | Promise<WorkerTask> {
  if ('url' in task) return exportedTask(task.url, task.export)
  if ('source' in task) return checkedTask(task)
  const strict = task.isStrict ? '"use strict";' : ''
  const code = `${strict}return ${task.expression}`
  try {
    // The function is the caller's own code, sent by the thread it stands in.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
    return new Function(...task.helpers, code)(...task.helpers.map(helperOf)) as WorkerTask
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    throw new TaskNotTransferableError(
      "an inline function cannot go to a thread where code is not generated from strings; export it from a module and pass task(import.meta.url, 'name')",
      { captured: [], cause: error },
    )
  }
}

async function checkedTask(task: UncheckedTask): Promise<WorkerTask> {
  const outcome = await check(task)
  if (outcome instanceof TaskNotTransferableError) throw outcome
  return loadTask(outcome)
}

async function exportedTask(url: string, name: string): Promise<WorkerTask> {
  return exportedFunction(await importTaskModule(url, true), url, name) as WorkerTask
}
