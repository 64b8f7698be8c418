import { builtins } from './builtins.js'

const NAMES = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

/** Whether `value` is a built-in ECMAScript error, of any realm. A structured clone keeps its name, message, stack and cause only. */
export function isBuiltinError(value: object): boolean {
  return builtins.util.types.isNativeError(value) && NAMES.has(value.constructor.name)
}
