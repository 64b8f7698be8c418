import { existsSync } from 'node:fs'
import { importModule } from '../../internal/import-module.js'
import { describe } from '../../internal/options/validate.js'

type Exports = Readonly<Record<string, unknown>>

/**
 * Imports the module of a task. An error of the import comes through, in terms of the task if possible.
 *
 * @param isWorker - whether this thread is a worker, which the thread that started it is not
 */
export async function importTaskModule(url: string, isWorker: boolean): Promise<Exports> {
  try {
    return await importModule(url)
  } catch (error) {
    throw whyNotImported(url, error, isWorker)
  }
}

/** If the module does not exist, or is TypeScript that Node cannot load here, an error that says so in terms of the task. */
function whyNotImported(url: string, error: unknown, isWorker: boolean): unknown {
  const { code, url: missing } = (error ?? {}) as { readonly code?: unknown; readonly url?: unknown }
  // If a module that it imports is missing, the error says enough.
  if (code === 'ERR_MODULE_NOT_FOUND' && missing === url) {
    const source = url.replace(/js$/, 'ts')
    const hint =
      source !== url && existsSync(new URL(source))
        ? ', while its .ts does: name the file that runs, as task(import.meta.url, …) within it does'
        : ''
    return new TypeError(`the task's module does not exist: ${url}${hint}`, { cause: error })
  }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(url)) {
    const how = loadsHereOnly(isWorker)
      ? 'before Node 22 what `--import` registers is not there in workers: use Node 22.18 or later, or name the compiled module'
      : 'use Node 22.18 or later, which strips types; or have Node register a loader as it starts, which workers then use too (node --import tsx, node -r ts-node/register); or name the compiled module'
    return new TypeError(
      `${url} is TypeScript, which Node ${process.version} does not load by itself${isWorker ? ' in a worker' : ''}: ${how}`,
      { cause: error },
    )
  }
  return error
}

/** Whether a loader was registered as the process started that this Node has in its first thread only. */
function loadsHereOnly(isWorker: boolean): boolean {
  const [major = 0] = process.versions.node.split('.').map(Number)
  return isWorker && major < 22 && process.execArgv.some((argument) => argument.startsWith('--import'))
}

/** The export of a module by a name, nothing inherited. Of a CommonJS module `import()` finds only some names; its default has all. */
export function exportOf(module: Exports, name: string): unknown {
  return [module, allOf(module)].find((exports) => Object.hasOwn(exports, name))?.[name]
}

function allOf({ default: all }: Exports): Exports {
  return (typeof all === 'object' && all !== null) || typeof all === 'function' ? (all as unknown as Exports) : {}
}

/**
 * The function that a module exports for a task.
 *
 * @throws {TypeError} when there is none of this name; it names those that there are
 */
export function exportedFunction(module: Exports, url: string, name: string): unknown {
  const found = exportOf(module, name)
  if (typeof found === 'function') return found
  const names = [...new Set([...Object.keys(module), ...Object.keys(allOf(module))])]
  const functions = names.filter((one) => typeof exportOf(module, one) === 'function')
  throw new TypeError(
    `${url} must export a function named '${name}'; received ${describe(found)}` +
      ` (functions it exports: ${functions.join(', ') || 'none'})`,
  )
}
