import { parse } from 'acorn'

/**
 * Has V8 compile the named functions as it loads the file, not when they are called first: it does so with a function in
 * parentheses, which it expects to be called at once.
 *
 * @param {string} code - a minified module
 * @param {Set<string>} names - of functions of the module's top level
 * @returns {{ code: string, found: string[] }}
 */
export function compiledAtImport(code, names) {
  const { body } = parse(code, { sourceType: 'module', ecmaVersion: 'latest' })
  const functions = body.filter(({ type, id }) => type === 'FunctionDeclaration' && names.has(id.name))
  let result = ''
  let end = 0
  for (const { start, end: next, id } of functions) {
    result += `${code.slice(end, start)}var ${id.name}=(${code.slice(start, next)});`
    end = next
  }
  return { code: result + code.slice(end), found: functions.map(({ id }) => id.name) }
}
