import { TaskNotTransferableError } from '../../errors.js'
import { check, type TransferredTask, type UncheckedTask } from './task-source.js'
import { whyNotImported } from './why-not-imported.js'

/** A task in a worker. */
export type WorkerTask = (item: unknown) => unknown

/**
 * Finds or makes the function of a task. What the import of its module throws comes through.
 *
 * @throws {TaskNotTransferableError} when the task is a function that captures something
 */
export function loadTask(task: TransferredTask): WorkerTask | Promise<WorkerTask> {
  if ('url' in task) return importTask(task.url, task.export)
  if ('source' in task) return checkedTask(task)
  const strict = task.isStrict ? '"use strict";' : ''
  // The function is the caller's own code, sent by the thread it stands in.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  return new Function('__name', `${strict}return ${task.expression}`)(keepName) as WorkerTask
}

async function checkedTask(task: UncheckedTask): Promise<WorkerTask> {
  const outcome = await check(task)
  if (outcome instanceof TaskNotTransferableError) throw outcome
  return loadTask(outcome)
}

/** What compilers call to keep a function's name. */
function keepName<F extends object>(fn: F, value: string): F {
  return Object.defineProperty(fn, 'name', { value, configurable: true })
}

async function importTask(url: string, name: string): Promise<WorkerTask> {
  const module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ url).catch((error: unknown) => {
    throw whyNotImported(url, error, true)
  })) as Record<string, unknown>
  const found = module[name]
  if (typeof found !== 'function') throw new TypeError(`${url} exports no function named '${name}' in a worker`)
  return found as WorkerTask
}
