import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkKeys, describe } from '../internal/validate.js'

/** A function that is applied to each item. */
export type TaskFunction<T = never, R = unknown> = (item: T) => R | PromiseLike<R>

/** A task by its module, which every thread imports for itself. */
export interface TaskReference<T = unknown, R = unknown> {
  /** URL or absolute path of the module. */
  readonly url: string
  /** Name of the function it exports. */
  readonly export: string
  /** Only for the types: what the function takes and gives. */
  readonly signature?: TaskFunction<T, R>
}

/** What `execute`, `optimize` and `stream` accept as a task. */
export type Task<T = never, R = unknown> = TaskFunction<T, R> | TaskReference<T, R>

/** A task as a run uses it. */
export interface ResolvedTask {
  /** Runs one item in this thread. */
  readonly call: (item: unknown) => unknown
  /** Where other threads find it; undefined for an inline function. */
  readonly reference: TaskReference | undefined
  /** What stands for the task in caches: the function, or URL and export. */
  readonly key: object | string
  /** Names the task for a person and for checkpoints: URL and export, or the function's source. */
  readonly identity: string
  /** Classes that the task's module exports, by name: an error from a worker becomes one of them again. */
  readonly exports: Readonly<Record<string, unknown>>
}

/**
 * Names a task by its module, so that worker threads can import it: it may then use everything in that module.
 *
 * @param url - `import.meta.url` of the module, another URL, or an absolute path
 * @param exportName - name of the exported function; default 'default'
 * @throws {TypeError} when an argument is no string, or the URL is relative
 * @example
 * // hash.mjs
 * import { execute, task } from 'amorsize'
 * export const hash = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
 * export const hashAll = (paths) => execute(task(import.meta.url, 'hash'), paths)
 */
export function task<T = unknown, R = unknown>(url: string | URL, exportName = 'default'): TaskReference<T, R> {
  if (typeof exportName !== 'string')
    throw new TypeError(`exportName must be a string; received ${describe(exportName)}`)
  const reference = Object.freeze({ url: checkUrl(url), export: exportName })
  made.add(reference)
  return reference
}

const made = new WeakSet()

/** Whether {@link task} has made the reference: it does not change. */
export function isMade(reference: object): boolean {
  return made.has(reference)
}

function checkUrl(url: unknown): string {
  if (url instanceof URL) return url.href
  if (typeof url !== 'string') throw new TypeError(`url must be a URL or a string; received ${describe(url)}`)
  if (isAbsolute(url)) return pathToFileURL(url).href
  if (URL.canParse(url)) return new URL(url).href
  throw new TypeError(`url must be absolute, such as import.meta.url; received ${describe(url)}`)
}

/** @throws {TypeError} when it is neither a function nor a reference to one */
export function checkReference(given: unknown): TaskReference {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`task must be a function, or task(import.meta.url, 'exportName'); received ${describe(given)}`)
  }
  checkKeys('task', given, ['url', 'export', 'signature'])
  const { url, export: name = 'default' } = given as Partial<TaskReference>
  if (typeof name !== 'string') throw new TypeError(`task.export must be a string; received ${describe(name)}`)
  return { url: checkUrl(url), export: name }
}
