import { isBuiltinError } from '../../internal/builtin-error.js'
import { builtins } from '../../internal/builtins.js'
import { cloneOf } from './structured-clone.js'

/** Objects and arrays of other realms, such as those of a test runner, are plain, too. */
export function isPlain(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object | null
  if (proto === null) return true
  if (Array.isArray(value)) return Array.isArray(proto)
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'isPrototypeOf')
}

/** Whether it is a typed array of a built-in class, of any realm. */
export function isView(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && value.constructor.name === Reflect.get(value, Symbol.toStringTag)
}

/** Why an object of a class would arrive changed; undefined if it would not. */
export function whyLost(value: object): string | undefined {
  const isError = isBuiltinError(value)
  const name = isError ? 'an error' : `an instance of ${classNameOf(value)}`
  const isOfEngine = isError || isClonedByEngine(value)
  if (!isOfEngine && !isClonedByNode(value)) return `${name}, which would arrive without its class`
  // Node's own properties in objects of its classes have symbols as keys.
  const properties = isOfEngine ? propertiesOf(value) : Object.keys(value)
  if (properties.length === 0) return undefined
  return `${name} with properties (${properties.join(', ')}), which would arrive without them`
}

/** The properties that a program has given to an object of a built-in class. */
function propertiesOf(value: object): string[] {
  const names = Object.keys(value).slice(value instanceof String ? value.length : 0)
  if (value instanceof RegExp && value.lastIndex > 0) names.push('lastIndex')
  return names.concat(Object.getOwnPropertySymbols(value).map(String))
}

function classNameOf(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'a class'
}

const CLONED = new Set<unknown>(
  [Map, Set, Date, RegExp, Boolean, Number, String, ArrayBuffer, SharedArrayBuffer].map(
    ({ prototype }) => prototype as unknown,
  ),
)

const isClonedByEngine = (value: object): boolean => CLONED.has(Object.getPrototypeOf(value))

/** By prototype: whether a clone has it, too. */
const keepsClass = new WeakMap<object, boolean>()

/** Whether it is of a class of Node's that can be cloned, such as a Blob, and a clone is of that class: that of a File is a Blob before Node 26. */
function isClonedByNode(value: object): boolean {
  const proto = Object.getPrototypeOf(value) as object
  let isKept = keepsClass.get(proto)
  if (isKept === undefined) {
    // A key is one of them, and the only one whose prototypes do not show it.
    const isCloned = canBeCloned(proto) || builtins.util.types.isKeyObject(value)
    isKept = isCloned && Object.prototype.isPrototypeOf.call(proto, cloneOf(value))
    keepsClass.set(proto, isKept)
  }
  return isKept
}

function canBeCloned(proto: object | null): boolean {
  if (proto === null || proto === Object.prototype) return false
  const symbols = Object.getOwnPropertySymbols(proto)
  const isHere = symbols.some(({ description }) => description === 'messaging_clone_symbol')
  return isHere || canBeCloned(Object.getPrototypeOf(proto) as object | null)
}
