import { TaskNotTransferableError } from '../errors.js'
import type { ResolvedTask } from './task.js'

/** A task on its way to a worker. */
export type TransferredTask =
  | { readonly id: number; readonly url: string; readonly export: string }
  | { readonly id: number; readonly expression: string; readonly isStrict: boolean }
  | UncheckedTask

/** A function that nobody has looked at yet: the worker refuses it if it captures something. */
export interface UncheckedTask {
  readonly id: number
  readonly name: string
  readonly source: string
}

const unchecked = new WeakMap<object, UncheckedTask>()
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

/**
 * What workers need to run the task, at once. Of a function that has not been looked at it is the source: that the parser is loaded and
 * run by the worker, while this thread goes on, makes a cold start some 10 ms shorter.
 */
export function sendable(task: ResolvedTask): TransferredTask | TaskNotTransferableError {
  const { call, key } = task
  const known = typeof key === 'string' ? transferable(task) : outcomes.get(call)
  if (known !== undefined && !(known instanceof Promise)) return known
  let sent = unchecked.get(call)
  if (sent === undefined) unchecked.set(call, (sent = { id: nextId++, name: call.name, source: task.identity }))
  return sent
}

/** A worker has looked at what {@link sendable} gave: it runs it, or refuses it. */
export function checked(task: ResolvedTask, refusal: unknown): void {
  if (refusal instanceof TaskNotTransferableError) outcomes.set(task.call, refusal)
  else if (refusal === undefined) {
    const sent = unchecked.get(task.call)
    if (sent !== undefined && !outcomes.has(task.call)) outcomes.set(task.call, sent)
  }
}

async function prepareInline(task: ResolvedTask): Promise<TransferredTask | TaskNotTransferableError> {
  const outcome = await check({ id: nextId++, name: task.call.name, source: task.identity })
  outcomes.set(task.call, outcome)
  return outcome
}

/** Finds what a function captures. Any thread can. */
export async function check({ id, name, source }: UncheckedTask): Promise<Extract<TransferredTask, { expression: string }> | TaskNotTransferableError> {
  const { analyseFunction } = await import('./captured-variables.js')
  const { captured, expression, isStrict } = await analyseFunction(source)
  if (captured.length === 0) return { id, expression, isStrict }
  const subject = name === '' ? 'the task' : `the task '${name}'`
  return new TaskNotTransferableError(
    `${subject} captures ${captured.join(', ')}, which a thread does not have; export it from a module and pass task(import.meta.url, 'name')`,
    { captured: [...captured] },
  )
}

/** Why another thread cannot run the task, as a sentence; undefined if it can. */
export async function whyNotTransferable(task: ResolvedTask): Promise<string | undefined> {
  const outcome = await transferable(task)
  return outcome instanceof TaskNotTransferableError ? outcome.message : undefined
}
