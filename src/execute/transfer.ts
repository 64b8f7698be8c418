import { TaskNotTransferableError } from '../errors.js'
import type { ResolvedTask } from './task.js'

/** A task on its way to a worker. */
export type TransferredTask =
  | { readonly id: number; readonly url: string; readonly export: string }
  | { readonly id: number; readonly expression: string; readonly isStrict: boolean }

const prepared = new WeakMap<object, Promise<TransferredTask | TaskNotTransferableError>>()
const outcomes = new WeakMap<object, TransferredTask | TaskNotTransferableError>()
const named = new Map<string, TransferredTask>()
let nextId = 1

/** What workers need to run the task, or the error that says why they cannot. Found once for each task. */
export function transferable(task: ResolvedTask): TransferredTask | TaskNotTransferableError | Promise<TransferredTask | TaskNotTransferableError> {
  const { reference, key } = task
  if (typeof key === 'string' && reference !== undefined) {
    let known = named.get(key)
    if (known === undefined) named.set(key, (known = { id: nextId++, url: reference.url, export: reference.export }))
    return known
  }
  const outcome = outcomes.get(task.call)
  if (outcome !== undefined) return outcome
  let preparing = prepared.get(task.call)
  if (preparing === undefined) prepared.set(task.call, (preparing = prepareInline(task)))
  return preparing
}

async function prepareInline(task: ResolvedTask): Promise<TransferredTask | TaskNotTransferableError> {
  const outcome = await analyseInline(task)
  outcomes.set(task.call, outcome)
  return outcome
}

async function analyseInline(task: ResolvedTask): Promise<TransferredTask | TaskNotTransferableError> {
  const { analyseFunction } = await import('./captured-variables.js')
  const { captured, expression, isStrict } = await analyseFunction(task.identity)
  if (captured.length === 0) return { id: nextId++, expression, isStrict }
  const name = task.call.name === '' ? 'the task' : `the task '${task.call.name}'`
  return new TaskNotTransferableError(
    `${name} captures ${captured.join(', ')}, which a thread does not have; export it from a module and pass task(import.meta.url, 'name')`,
    { captured: [...captured] },
  )
}

/** Why another thread cannot run the task, as a sentence; undefined if it can. */
export async function whyNotTransferable(task: ResolvedTask): Promise<string | undefined> {
  const outcome = await transferable(task)
  return outcome instanceof TaskNotTransferableError ? outcome.message : undefined
}
