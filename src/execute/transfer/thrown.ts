import * as ownErrors from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { exportOf } from './exported-function.js'
import { packValues, restore } from './values.js'

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
  readonly properties: Readonly<Record<string, unknown>>
  /** Names of what can be enumerated. */
  readonly shown: readonly string[]
  readonly cause: PackedThrown | undefined
  readonly errors: readonly PackedThrown[] | undefined
}

/** Each is made with a message and a name, of which most take the message alone. */
const BASES: Readonly<Record<string, new (message: string, name: string) => Error>> = {
  DOMException,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}
const APART = new Set(['stack', 'message', 'cause'])
/** Causes of causes; a cycle ends here. */
const DEEPEST = 8

/** Makes a thrown value ready for `postMessage`, whatever it is. */
export function packThrown(thrown: unknown, depth = 0): PackedThrown {
  try {
    return packReadable(thrown, depth)
  } catch {
    // A proxy may throw whatever it is asked for, even its prototype.
    return { kind: 'value', value: textOf(thrown) }
  }
}

function packReadable(thrown: unknown, depth: number): PackedThrown {
  // There are classes of errors that are functions with a prototype, whose errors the engine does not know as such.
  if (!builtins.util.types.isNativeError(thrown) && !(thrown instanceof Error))
    return { kind: 'value', value: cloneable(thrown) }
  const classes = classesOf(thrown)
  const errors = thrown instanceof AggregateError ? read(thrown, 'errors') : undefined
  const properties: Record<string, unknown> = {}
  for (const key of Object.getOwnPropertyNames(thrown)) {
    if (!APART.has(key) && !(key === 'errors' && Array.isArray(errors))) properties[key] = cloneable(read(thrown, key))
  }
  const stack = read(thrown, 'stack')
  const goesDeeper = depth < DEEPEST
  return {
    kind: 'error',
    base: classes.find((name) => name in BASES) ?? 'Error',
    classes,
    name: asText(read(thrown, 'name')),
    message: asText(read(thrown, 'message')),
    stack: typeof stack === 'string' ? stack : undefined,
    isOwn: ownErrors.AmorsizeError.is(thrown),
    properties,
    shown: Object.keys(thrown),
    cause: 'cause' in thrown && goesDeeper ? packThrown(read(thrown, 'cause'), depth + 1) : undefined,
    errors: Array.isArray(errors) && goesDeeper ? errors.map((one) => packThrown(one, depth + 1)) : undefined,
  }
}

/** As {@link packThrown}, for what could not be sent: without properties and causes, or as a text. */
export function packBarely(thrown: unknown): PackedThrown {
  const packed = packThrown(thrown, DEEPEST)
  if (packed.kind === 'error') return { ...packed, properties: {}, shown: [] }
  return { kind: 'value', value: textOf(packed.value) }
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
    if (typeof constructor === 'function' && constructor !== Object) names.push(constructor.name)
  }
  return names
}

/** What arrives of a value in another thread, or a text of it. */
function cloneable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' || typeof value === 'symbol' ? textOf(value) : value
  try {
    const { values, lost } = packValues([value])
    const copies = structuredClone(values)
    restore(copies, lost)
    return copies[0]
  } catch {
    return textOf(value)
  }
}

/**
 * Makes an error again from what came from another thread: with its class if that is JavaScript's, this package's, or exported by
 * the task's module; with its name, message, code, cause and other properties in any case.
 *
 * @param known - classes that the task's module exports
 */
export function unpackThrown(packed: PackedThrown, known: Readonly<Record<string, unknown>>): unknown {
  if (packed.kind === 'value') return packed.value
  const { base, classes, isOwn, name, message, stack, properties, shown, cause, errors } = packed
  const error =
    errors === undefined
      ? new (BASES[base] ?? Error)(message, name)
      : new AggregateError(
          errors.map((one) => unpackThrown(one, known)),
          message,
        )
  const Class = classes
    .slice(0, classes.indexOf(base))
    .map((one) => errorClass(one, known) ?? (isOwn ? errorClass(one, ownErrors) : undefined))
    .find((one) => one !== undefined)
  if (Class !== undefined) Object.setPrototypeOf(error, Class.prototype as object)
  const define = (key: string, value: unknown): void => {
    Object.defineProperty(error, key, { value, enumerable: shown.includes(key), writable: true, configurable: true })
  }
  for (const [key, value] of Object.entries(properties)) define(key, value)
  if (shown.includes('message')) define('message', message)
  if (error.name !== name) define('name', name)
  if (cause !== undefined) define('cause', unpackThrown(cause, known))
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
