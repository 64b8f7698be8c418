import { describe } from '../../internal/validate.js'

/**
 * The function that a module exports for a task.
 *
 * @throws {TypeError} when there is none of this name; it names those that there are
 */
export function exportedFunction(module: Readonly<Record<string, unknown>>, url: string, name: string): unknown {
  const found = module[name]
  if (typeof found === 'function') return found
  const names = Object.keys(module).filter((one) => typeof module[one] === 'function')
  throw new TypeError(
    `${url} must export a function named '${name}'; received ${describe(found)}` +
      ` (functions it exports: ${names.join(', ') || 'none'})`,
  )
}
