// A call of `createRequire` under its own name, webpack would take for one that it must follow.
import nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Imports a module that no bundler makes part of the program. What runs CommonJS by itself, as Jest does, has no `import()`: there
 * the module is required, and has the names that one of CommonJS has when it is imported. What either throws comes through.
 *
 * @param specifier - the URL of a file, or the name of a package
 */
export async function importModule(specifier: string): Promise<Record<string, unknown>> {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier)) as Record<string, unknown>
  } catch (error) {
    const isFile = specifier.startsWith('file:')
    if (!hadNoImport(error) || (!isFile && URL.canParse(specifier))) throw error
    const require = nodeModule.createRequire(isFile ? specifier : import.meta.url)
    const module: unknown = require(isFile ? fileURLToPath(specifier) : specifier)
    return { default: module, ...(module as object) }
  }
}

/** Whether it is what `vm` throws, with or without the flag by which it could import. */
function hadNoImport(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return code === 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING' || code === 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG'
}
