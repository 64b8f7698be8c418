import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe } from '../internal/options/validate.js'
import { messageOf } from '../internal/text/error-text.js'
import { moduleName, type TaskName } from './task-name.js'

interface Served {
  readonly url: string
  readonly module: string
  readonly hash: string
}

/** The modules whose tasks a worker runs. */
export class ServedModules {
  readonly #served: readonly Served[]

  private constructor(served: readonly Served[]) {
    this.#served = served
  }

  /**
   * @param tasks - paths from the working directory, or URLs
   * @throws {TypeError} when there are none, {ExecutionError} when one cannot be read
   */
  static async read(tasks: readonly (string | URL)[]): Promise<ServedModules> {
    if (!Array.isArray(tasks) || tasks.length === 0)
      throw new TypeError(`tasks must be an array of modules, such as ['./tasks.mjs']; received ${describe(tasks)}`)
    const urls = tasks.map(urlOf)
    return new ServedModules(await Promise.all(urls.map(async (url) => ({ url, ...(await moduleName(url)) }))))
  }

  /**
   * Why the task is not here, as a sentence; undefined if it is. Its text is read anew: where the file was replaced, the import of the first
   * chunk would take the new one, and threads that start later would, too.
   */
  async refusal(task: TaskName): Promise<string | undefined> {
    const found = this.find(task)
    if ('refusal' in found) return found.refusal
    try {
      const { module, hash } = await moduleName(found.url)
      return hash === task.hash ? undefined : `its ${module} was replaced after it had begun to serve: start it anew`
    } catch (error) {
      return messageOf(error)
    }
  }

  /** Where the task was when this began to serve; or why it is not here, as a sentence. */
  find(task: TaskName): { readonly url: string } | { readonly refusal: string } {
    const exact = this.#served.find(({ hash }) => hash === task.hash)
    if (exact !== undefined) return { url: exact.url }
    const named = this.#served.find(({ module }) => module === task.module)
    const refusal =
      named === undefined
        ? `it serves ${this.#served.map(({ module }) => module).join(', ')}, and the run needs ${task.module}`
        : `its ${task.module} has the text ${named.hash}, and the run's has ${task.hash}: deploy the same version to both`
    return { refusal }
  }
}

function urlOf(task: unknown): string {
  if (task instanceof URL) return task.href
  if (typeof task !== 'string') throw new TypeError(`tasks must hold paths or URLs; received ${describe(task)}`)
  if (isAbsolute(task)) return pathToFileURL(task).href
  return /^(file|data|node|https?):/.test(task) ? task : pathToFileURL(resolve(task)).href
}
