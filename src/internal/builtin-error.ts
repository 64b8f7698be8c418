import { builtins } from './builtins.js'

const NAMES = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

/** Whether it is an error of a class of ECMAScript, of any realm. A clone keeps its name, message, stack and cause, and no property. */
export function isBuiltinError(value: object): boolean {
  return builtins.util.types.isNativeError(value) && NAMES.has(value.constructor.name)
}
