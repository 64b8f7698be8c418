import { describe } from '../../internal/options/validate.js'

type Exports = Readonly<Record<string, unknown>>

/** What a module exports by a name. Of a CommonJS module `import()` finds only some names; all of it is its default. */
export function exportOf(module: Exports, name: string): unknown {
  return name in module ? module[name] : allOf(module)[name]
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
