/** `JSON.stringify` with its true type: it returns undefined for undefined and for functions. */
const stringify: (value: unknown, replacer: (key: string, value: unknown) => unknown) => string | undefined =
  JSON.stringify

/**
 * Returns a result as a line of JSON; undefined becomes null, as in arrays.
 *
 * @param index - of the item, for messages
 * @throws {Error} when the result cannot be written as JSON
 */
export function resultLine(index: number, result: unknown): string {
  try {
    return stringify(result, withErrors) ?? 'null'
  } catch (error) {
    throw new Error(`the result of item ${index} cannot be written as JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** JSON alone would turn an error into `{}`. */
function withErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { name: value.name, message: value.message, ...Object.fromEntries(Object.entries(value)) }
}
