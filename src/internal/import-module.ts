import { extname } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import { builtins } from './builtins.js'

/** Errors of `vm` if a program that it runs has no `import()`, with and without the flag by which it could have one. */
const NO_IMPORT = ['ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING', 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG']
/** Errors of Node if it has no loader for a kind of file, … */
const UNKNOWN_KIND = 'ERR_UNKNOWN_FILE_EXTENSION'
/** … and for TypeScript that is more than types; if `require` has not been extended, it throws the same. */
const UNKNOWN_SYNTAX = 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'

/**
 * Imports a module that no bundler makes part of the program. It is required where `require` alone can load it: Jest runs CommonJS
 * without `import()`, and `node -r ts-node/register` teaches only `require` what TypeScript is. Then it has the names of a CommonJS
 * module that is imported. The error of the last attempt comes through.
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
  // Deprecated, and yet the place where those who teach it put what they know.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return code === UNKNOWN_KIND && extname(path) in require.extensions
}
