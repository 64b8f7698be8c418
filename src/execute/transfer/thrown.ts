import * as ownErrors from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { isPlain } from './cloned-classes.js'
import { exportOf } from './task-module.js'
import { asReceived } from './values.js'

/** A thrown value on its way to another thread. A structured clone alone would lose class, code and properties. */
export type PackedThrown = { readonly kind: 'value'; readonly value: unknown } | PackedError

interface PackedError {
  readonly kind: 'error'
  /** The nearest class that every thread has. */
  readonly base: string
  /** Names of its classes, the most derived first. */
  readonly classes: readonly string[]
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Whether it is of a class of this package: a program may have classes of the same names. */
  readonly isOwn: boolean
  /** Its own properties, and its cause. */
  readonly properties: Readonly<Record<string, PackedThrown | readonly PackedThrown[]>>
  /** Names of what can be enumerated. */
  readonly shown: readonly string[]
}

const BASES: Readonly<Record<string, (message: string, name: string) => Error>> = {
  AggregateError: (message) => new AggregateError([], message),
  DOMException: (message, name) => new DOMException(message, name),
  Error: (message) => new Error(message),
  EvalError: (message) => new EvalError(message),
  RangeError: (message) => new RangeError(message),
  ReferenceError: (message) => new ReferenceError(message),
  SyntaxError: (message) => new SyntaxError(message),
  TypeError: (message) => new TypeError(message),
  URIError: (message) => new URIError(message),
}
/** Causes of causes, and errors in errors. */
const DEEPEST = 8

/** Makes a thrown value ready for `postMessage`, whatever it is. */
export function packThrown(thrown: unknown): PackedThrown {
  return pack(thrown, 0, new Map())
}

/** As {@link packThrown}, for what could not be sent: without properties and causes, or as a text. */
export function packBarely(thrown: unknown): PackedThrown {
  const packed = pack(thrown, DEEPEST, new Map())
  if (packed.kind === 'error') return { ...packed, properties: {}, shown: [] }
  return { kind: 'value', value: textOf(packed.value) }
}

/** @param seen - errors that have been met: each is sent once, also in a cycle */
function pack(thrown: unknown, depth: number, seen: Map<object, PackedThrown>): PackedThrown {
  try {
    if (!isError(thrown)) return { kind: 'value', value: cloneable(thrown) }
    return seen.get(thrown) ?? packError(thrown, depth, seen)
  } catch {
    // A proxy may throw whatever it is asked for, even its prototype.
    return { kind: 'value', value: textOf(thrown) }
  }
}

/** There are classes of errors that are functions with a prototype, whose errors the engine does not know as such. */
function isError(value: unknown): value is Error {
  try {
    return builtins.util.types.isNativeError(value) || value instanceof Error
  } catch {
    // A proxy may throw whatever it is asked for, even its prototype.
    return false
  }
}

/** Longer lists may be billions of holes. */
const MOST_LISTED = 100_000

/** A list that has errors among its elements. */
function errorsIn(value: unknown): unknown[] | undefined {
  try {
    return Array.isArray(value) && value.length <= MOST_LISTED && value.some(isError) ? value : undefined
  } catch {
    // A proxy that has been revoked, or an element that is a getter and throws.
    return undefined
  }
}

function packError(thrown: Error, depth: number, seen: Map<object, PackedThrown>): PackedError {
  const classes = classesOf(thrown)
  const stack = read(thrown, 'stack')
  const properties: Record<string, PackedThrown | PackedThrown[]> = {}
  const packed: PackedError = {
    kind: 'error',
    base: classes.find((name) => Object.hasOwn(BASES, name)) ?? 'Error',
    classes,
    name: asText(read(thrown, 'name')),
    message: asText(read(thrown, 'message')),
    stack: typeof stack === 'string' ? stack : undefined,
    isOwn: ownErrors.AmorsizeError.is(thrown),
    properties,
    shown: Object.keys(thrown),
  }
  seen.set(thrown, packed)
  const names = new Set(Object.getOwnPropertyNames(thrown))
  if ('cause' in thrown) names.add('cause')
  names.delete('stack')
  names.delete('message')
  for (const name of names) {
    const value = read(thrown, name)
    if (typeof value === 'function') continue
    const list = errorsIn(value)
    if (depth >= DEEPEST && (list !== undefined || isError(value))) continue
    put(properties, name, list?.map((one) => pack(one, depth + 1, seen)) ?? pack(value, depth + 1, seen))
  }
  return packed
}

/** Gives an object a property of any name: to assign to `__proto__` would do something else. */
function put(object: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true })
}

/** A property of an error. If it is a getter that throws, what it threw, as a text. */
function read(error: object, key: string): unknown {
  try {
    return Reflect.get(error, key)
  } catch (thrown) {
    return `[${key}: ${textOf(thrown)}]`
  }
}

/** The name and message of an error may be anything. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : textOf(value)
}

/** A value as a text for people, even if its custom inspection fails. */
function textOf(value: unknown): string {
  for (const options of [{}, { customInspect: false }, { customInspect: false, showProxy: true }]) {
    try {
      return builtins.util.inspect(value, options)
    } catch {
      // Its custom inspection throws, or one of its getters.
    }
  }
  return `[${typeof value} that cannot be inspected]`
}

function classesOf(thrown: object): string[] {
  const names: string[] = []
  for (let proto: unknown = Object.getPrototypeOf(thrown); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const constructor: unknown = (proto as { constructor?: unknown }).constructor
    if (typeof constructor !== 'function' || constructor === Object) continue
    // A class may have a static member of this name.
    const name = read(constructor, 'name')
    if (typeof name === 'string') names.push(name)
  }
  return names
}

/** A value as it arrives in another thread; of one that cannot be cloned, those parts that can; or a text of it. */
function cloneable(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' || typeof value === 'symbol' ? textOf(value) : value
  try {
    return asReceived(value)
  } catch {
    // Zod knows its errors by an object that inherits from one without a class.
    const isRecord = isPlain(value) || read(value, 'constructor') === Object
    const hasParts = depth < PARTS.deepest && isRecord && Object.keys(value).length <= PARTS.most
    return hasParts ? partsOf(value, depth) : textOf(value)
  }
}

/** Parts of parts of what cannot be cloned, such as the response in an error of an HTTP client. */
const PARTS = { deepest: 3, most: 100 }

function partsOf(value: object, depth: number): unknown {
  if (Array.isArray(value)) return value.map((one) => cloneable(one, depth + 1))
  const parts = {}
  for (const key of Object.keys(value)) {
    const part = read(value, key)
    if (typeof part !== 'function') put(parts, key, cloneable(part, depth + 1))
  }
  return parts
}

/**
 * Makes an error again from what came from another thread: with its class if that is JavaScript's, this package's, or exported by
 * the task's module; with its name, message, code, cause and other properties in any case.
 *
 * @param known - classes that the task's module exports
 */
export function unpackThrown(packed: PackedThrown, known: Readonly<Record<string, unknown>>): unknown {
  return unpack(packed, known, new Map())
}

/** @param made - errors that have been made of what was sent */
function unpack(packed: PackedThrown, known: Readonly<Record<string, unknown>>, made: Map<object, Error>): unknown {
  if (packed.kind === 'value') return packed.value
  return made.get(packed) ?? unpackError(packed, known, made)
}

function unpackError(packed: PackedError, known: Readonly<Record<string, unknown>>, made: Map<object, Error>): Error {
  const { base, classes, isOwn, name, message, stack, properties, shown } = packed
  const error = BASES[base]?.(message, name) ?? new Error(message)
  made.set(packed, error)
  const Class = classes
    .slice(0, classes.indexOf(base))
    .map((one) => errorClass(one, known) ?? (isOwn ? errorClass(one, ownErrors) : undefined))
    .find((one) => one !== undefined)
  if (Class !== undefined) Object.setPrototypeOf(error, Class.prototype as object)
  const define = (key: string, value: unknown): void => put(error, key, value, shown.includes(key))
  for (const [key, value] of Object.entries(properties))
    define(key, 'kind' in value ? unpack(value, known, made) : value.map((one) => unpack(one, known, made)))
  if (shown.includes('message')) define('message', message)
  if (error.name !== name) define('name', name)
  if (stack !== undefined) define('stack', stack)
  return error
}

function errorClass(
  name: string,
  known: Readonly<Record<string, unknown>>,
): (new (...args: never[]) => Error) | undefined {
  const found = exportOf(known, name)
  return typeof found === 'function' && found.prototype instanceof Error
    ? (found as new (...args: never[]) => Error)
    : undefined
}
