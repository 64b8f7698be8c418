import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe } from '../internal/options/validate.js'
import { messageOf } from '../internal/text/error-text.js'
import { moduleName, type TaskName } from './names.js'

interface Served {
  readonly url: string
  readonly module: string
  readonly hash: string
  /** The only function that may be run; undefined: all that it exports. */
  readonly only: string | undefined
}

/** The modules whose tasks a worker runs. */
export class ServedModules {
  readonly #served: readonly Served[]

  private constructor(served: readonly Served[]) {
    this.#served = served
  }

  /**
   * @param tasks - paths from the working directory, or URLs; with '#name' only that function of the module
   * @throws {TypeError} if there are none, {ExecutionError} if one cannot be read
   */
  static async read(tasks: readonly (string | URL)[]): Promise<ServedModules> {
    if (!Array.isArray(tasks) || tasks.length === 0)
      throw new TypeError(`tasks must be an array of modules, such as ['./tasks.mjs']; received ${describe(tasks)}`)
    const parts = tasks.map(partsOf)
    return new ServedModules(await Promise.all(parts.map(async (one) => ({ ...one, ...(await moduleName(one.url)) }))))
  }

  /**
   * Why the task is not here, as a sentence; undefined if it is. The file is read again: if it was replaced, the first chunk and threads that
   * start later would import the new one.
   */
  async refusal(task: TaskName): Promise<string | undefined> {
    const found = this.find(task)
    if ('refusal' in found) return found.refusal
    try {
      const { module, hash } = await moduleName(found.url)
      return hash === task.hash ? undefined : `its ${module} was replaced after it had begun to serve: restart it`
    } catch (error) {
      return messageOf(error)
    }
  }

  /** The module of the task; or why it is not here, as a sentence. */
  find(task: TaskName): { readonly url: string } | { readonly refusal: string } {
    const exact = this.#served.filter(({ hash }) => hash === task.hash)
    const allowed = exact.find(({ only }) => only === undefined || only === task.export)
    if (allowed !== undefined) return { url: allowed.url }
    const named = this.#served.find(({ module }) => module === task.module)
    const refusal =
      exact.length > 0
        ? `of ${task.module} it serves ${exact.map(({ only }) => only).join(', ')}, and the run needs ${task.export}`
        : named === undefined
          ? `it serves ${this.#served.map(({ module }) => module).join(', ')}, and the run needs ${task.module}`
          : `its ${task.module} has the text ${named.hash}, and the run's has ${task.hash}: deploy the same version to both`
    return { refusal }
  }
}

/** In a path, a word after '#' is a function; anything else after '#' belongs to the name of a folder or file. */
function partsOf(task: unknown): { readonly url: string; readonly only: string | undefined } {
  if (typeof task !== 'string' && !(task instanceof URL))
    throw new TypeError(`tasks must hold paths or URLs; received ${describe(task)}`)
  if (typeof task === 'string' && !/^(file|data|node|https?):/.test(task)) {
    const [, path = task, only] = /^(.+)#([\p{L}\p{N}_$]+)$/u.exec(task) ?? []
    return { url: pathToFileURL(resolve(path)).href, only }
  }
  const url = new URL(task)
  const only = url.hash === '' ? undefined : decodeURIComponent(url.hash.slice(1))
  url.hash = ''
  return { url: url.href, only }
}
