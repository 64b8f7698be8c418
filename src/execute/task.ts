import { isAbsolute } from 'node:path'
import { pathToFileURL, URL as NodeUrl } from 'node:url'
import { checkFunction, checkKeys, describe } from '../internal/options/validate.js'
import type { Policy } from '../internal/policy.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { pipeline } from '../policy/pipeline.js'
import type { AroundStage } from '../policy/stages/stage.js'
import { withTurns } from '../policy/stages/with-turns.js'
import { timeout } from '../policy/timeout.js'
import { moduleVersions } from './transfer/module-versions.js'
import { exportedFunction, exportOf, importTaskModule } from './transfer/task-module.js'

/** A function that is applied to each item. */
export type TaskFunction<T = never, R = unknown> = (item: T) => R | PromiseLike<R>

/** A task by its module, which every thread imports for itself. */
export interface TaskReference<T = unknown, R = unknown> {
  /** URL or absolute path of the module. */
  readonly url: string
  /** Name of the function it exports. */
  readonly export: string
  /** The function itself, if it is at hand: this thread calls it as it is. It tells what items and results are. */
  readonly signature?: TaskFunction<T, R>
}

/** A task for `execute`, `optimize` and `stream`. */
export type Task<T = never, R = unknown> = TaskFunction<T, R> | TaskReference<T, R>

/** A task as a run uses it. */
export interface ResolvedTask {
  /** Runs one item in this thread. */
  readonly call: (item: unknown) => unknown
  /** Where other threads find it; undefined for an inline function. */
  readonly reference: TaskReference | undefined
  /** Identifies the task in caches: the function, or URL and export. */
  readonly key: object | string
  /** Names the task in messages and checkpoints: URL and export, or the function's source. */
  readonly identity: string
  /** Classes that the task's module exports, by name: an error from a worker becomes one of them again. */
  readonly exports: Readonly<Record<string, unknown>>
  /** Why other threads cannot find it where it says; undefined if they can, or that is not known yet. */
  readonly obstacle?: string | undefined
}

/**
 * Names a task by its module, so that worker threads can import it: it may then use everything in that module.
 *
 * @param url - `import.meta.url` of the module, another URL, or an absolute path
 * @param exported - the exported function, which must have the name that it is exported by; or that name, where it is not at hand or has
 *   another. Default 'default'
 * @throws {TypeError} when the URL is relative or none, or `exported` is neither a function with a name nor a string
 * @example
 * // hash.mjs
 * import { execute, task } from 'amorsize'
 * export const hash = (path: string) =>
 *   createHash('sha256').update(readFileSync(path)).digest('hex')
 * export const hashAll = (paths: string[]) =>
 *   execute(task(import.meta.url, hash), paths)
 */
export function task<T = unknown, R = unknown>(
  url: string | URL,
  exported: string | TaskFunction<T, R> = 'default',
): TaskReference<T, R> {
  const from = checkUrl(url)
  const reference = Object.freeze(
    typeof exported === 'function'
      ? { url: from, export: checkName(exported.name, 'a function without one'), signature: exported }
      : { url: from, export: checkName(exported) },
  )
  resolvedReferences.set(reference, undefined)
  return reference
}

function checkName(name: unknown, received = describe(name)): string {
  if (typeof name !== 'string')
    throw new TypeError(`exported must be a function or the name of one; received ${received}`)
  if (name === '')
    throw new TypeError(
      `exported must have the name that its module exports it by, or be that name, task(url, 'name'); received ${received}`,
    )
  return name
}

function checkUrl(url: unknown): string {
  if (url instanceof URL || url instanceof NodeUrl) return url.href
  if (typeof url !== 'string') throw new TypeError(`url must be a URL or a string; received ${describe(url)}`)
  if (isAbsolute(url)) return pathToFileURL(url).href
  // The global URL is jsdom's in a test of a page: an older one has no canParse.
  if (NodeUrl.canParse(url)) return new NodeUrl(url).href
  throw new TypeError(`url must be absolute, such as import.meta.url; received ${describe(url)}`)
}

const NO_EXPORTS = Object.freeze({})
const resolvedFunctions = new WeakMap<object, ResolvedTask>()
const resolvedNamed = new WeakMap<object, NamedTask>()
/** Of references that {@link task} has made, which do not change; undefined until they are resolved. */
const resolvedReferences = new WeakMap<object, ResolvedTask | undefined>()

/** A function as a task. It is resolved once, so that calling `execute` in a loop makes nothing again. */
export function resolveFunction(fn: TaskFunction): ResolvedTask {
  let resolved = resolvedFunctions.get(fn)
  if (resolved === undefined) resolvedFunctions.set(fn, (resolved = new InlineTask(fn as ResolvedTask['call'])))
  return resolved
}

class InlineTask implements ResolvedTask {
  readonly reference = undefined
  readonly exports = NO_EXPORTS

  constructor(readonly call: (item: unknown) => unknown) {}

  get key(): object {
    return this.call
  }

  get identity(): string {
    return Function.prototype.toString.call(this.call)
  }
}

/** A function that is at hand, and known by its module. */
class NamedTask implements ResolvedTask {
  readonly call: (item: unknown) => unknown
  readonly reference: TaskReference
  readonly key: string
  readonly identity: string
  exports: Readonly<Record<string, unknown>> = NO_EXPORTS
  obstacle: string | undefined = undefined

  constructor(call: TaskFunction, reference: TaskReference) {
    this.call = call as NamedTask['call']
    this.reference = reference
    this.key = this.identity = identityOf(reference)
    moduleVersions.see(call, this.key)
    void this.#findExports()
  }

  /**
   * Nobody waits for them: they are asked for when a worker has failed with an error, and workers take longer to load the module. Where a bundler
   * has made one file of all, that is the whole program: it must not run once more in a worker, only to lack the function.
   */
  async #findExports(): Promise<void> {
    const { url, export: name } = this.reference
    try {
      this.exports = await importTaskModule(url, false)
      exportedFunction(this.exports, url, name)
    } catch (error) {
      this.obstacle = messageOf(error)
    }
  }
}

const identityOf = (reference: TaskReference): string => `${reference.url}#${reference.export}`

function resolveNamed(fn: TaskFunction, reference: TaskReference): ResolvedTask {
  let resolved = resolvedNamed.get(fn)
  if (resolved?.reference.url !== reference.url || resolved.reference.export !== reference.export)
    resolvedNamed.set(fn, (resolved = new NamedTask(fn, reference)))
  return resolved
}

/**
 * Finds the function of a task. An error of its module's import comes through.
 *
 * @throws {TypeError} when the task is neither a function nor a reference to one
 */
export async function resolveTask(given: unknown): Promise<ResolvedTask> {
  if (typeof given === 'function') return resolveFunction(given as TaskFunction)
  const before = resolvedBefore(given)
  if (before !== undefined) return before
  const reference = checkReference(given)
  if (reference.signature !== undefined) return resolveNamed(reference.signature, reference)
  const module = await importTask(reference.url)
  const call = exportedFunction(module, reference.url, reference.export)
  const identity = identityOf(reference)
  const resolved: ResolvedTask = {
    call: call as ResolvedTask['call'],
    reference,
    key: identity,
    identity,
    exports: module,
  }
  if (resolvedReferences.has(given as object)) resolvedReferences.set(given as object, resolved)
  return resolved
}

/** The function of a reference that has it, or has been resolved before, unless its module exports another by now. */
export function resolvedBefore(given: unknown): ResolvedTask | undefined {
  if (typeof given !== 'object' || given === null || !resolvedReferences.has(given)) return undefined
  const reference = given as TaskReference
  if (reference.signature !== undefined) return resolveNamed(reference.signature, reference)
  const resolved = resolvedReferences.get(given)
  return resolved !== undefined && exportOf(resolved.exports, reference.export) === resolved.call ? resolved : undefined
}

/**
 * Imports the module of a task. One that awaits a run of its own export at its top level would wait for itself for ever: its import ends
 * when its top level has. That is so when this thread has nothing left to do and the import has still not ended.
 */
async function importTask(url: string): Promise<ResolvedTask['exports']> {
  let refuse!: () => void
  const stuck = new Promise<never>((_, reject) => {
    refuse = () => reject(selfAwaited(url))
  })
  imports.begin(refuse)
  try {
    return await Promise.race([importTaskModule(url, false), stuck])
  } finally {
    imports.end(refuse)
  }
}

/** Imports under way, which have one listener together: Node warns of a leak from the eleventh on. */
class Imports {
  readonly #refusals = new Set<() => void>()

  begin(refuse: () => void): void {
    if (this.#refusals.size === 0) process.on('beforeExit', this.#refuseAll)
    this.#refusals.add(refuse)
  }

  end(refuse: () => void): void {
    this.#refusals.delete(refuse)
    if (this.#refusals.size === 0) process.off('beforeExit', this.#refuseAll)
  }

  readonly #refuseAll = (): void => {
    for (const refuse of this.#refusals) refuse()
  }
}

const imports = new Imports()

function selfAwaited(url: string): Error {
  return runError(
    `${url} awaits, as it is loaded, a run of a task that it exports itself; export the task from a module of its own, or start the run in a function that is not awaited at the top level`,
  )
}

/** Checks a task that is no function. @throws {TypeError} when it is no reference to one either */
export function checkReference(given: unknown): TaskReference {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `task must be a function, or task(import.meta.url, exportedFunction); received ${describe(given)}`,
    )
  }
  checkKeys('task', given, ['url', 'export', 'signature'])
  const { url, export: name = 'default', signature } = given as Partial<TaskReference>
  if (typeof name !== 'string') throw new TypeError(`task.export must be a string; received ${describe(name)}`)
  const reference = { url: checkUrl(url), export: name }
  if (signature === undefined) return reference
  return { ...reference, signature: checkFunction('task.signature', signature) }
}

/**
 * One item in this thread, under the policies and the time limit. The time counts from when the item itself starts, so a
 * wait for a token is not part of it.
 *
 * @param signalOf - gives what aborts a policy's waits; asked only where there is a policy
 * @param turns - gives the stage that has items wait for their turn which a policy has held back; without it they begin at once
 */
export function callWithPolicies(
  { call }: Pick<ResolvedTask, 'call'>,
  { policies, timeoutMs }: { readonly policies: readonly Policy[]; readonly timeoutMs: number },
  signalOf?: () => AbortSignal | undefined,
  turns?: () => AroundStage,
): (item: unknown) => unknown {
  if (policies.length === 0 && timeoutMs === Infinity) return call
  const all: Policy[] = timeoutMs === Infinity ? [...policies] : [...policies, timeout(timeoutMs)]
  const [only] = all
  const together = only !== undefined && all.length === 1 ? only : pipeline(...all)
  const guard = turns === undefined ? together : withTurns(together, turns)
  const options = { signal: signalOf?.() }
  return (item) => guard.execute(() => call(item), options)
}
