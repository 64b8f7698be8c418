import { extname } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import { builtins } from './builtins.js'

/** Error codes of `vm` for a program without `import()`, with and without the flag that could give it one. */
const NO_IMPORT = ['ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING', 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG']
/** Error code of Node for a kind of file that it has no loader for. */
const UNKNOWN_KIND = 'ERR_UNKNOWN_FILE_EXTENSION'
/** Error code of Node for TypeScript syntax beyond types. `require` throws the same unless it has been extended. */
const UNKNOWN_SYNTAX = 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'

/**
 * Imports a module that bundlers must not make part of the program. If only `require` can load it, it is required: Jest runs CommonJS
 * without `import()`, and `node -r ts-node/register` teaches TypeScript to `require` only. Then the module has the same names as
 * an imported CommonJS module. The error of the last attempt is thrown.
 *
 * @param specifier - the URL of a file, or the name of a package
 */
export async function importModule(specifier: string): Promise<Record<string, unknown>> {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier)) as Record<string, unknown>
  } catch (error) {
    const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : undefined
    if (path === undefined && URL.canParse(specifier)) throw error
    const require = builtins.module.createRequire(path ?? import.meta.url)
    if (!isForRequire(error, path ?? '', require)) throw error
    const module: unknown = require(path ?? specifier)
    return { default: module, ...(module as object) }
  }
}

function isForRequire(error: unknown, path: string, require: NodeJS.Require): boolean {
  const code = String((error as { readonly code?: unknown } | null)?.code)
  if (NO_IMPORT.includes(code) || code === UNKNOWN_SYNTAX) return true
  // Deprecated, and yet the place where tools register the kinds of files that they can load.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return code === UNKNOWN_KIND && extname(path) in require.extensions
}
