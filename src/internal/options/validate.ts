import { optionMeantBy } from './option-names.js'

/** Checks of options and arguments. Every message names the option, the accepted range, and the value given. */

/** Describes a value for an error message: its type and, if short, itself. */
export function describe(value: unknown): string {
  try {
    return described(value)
  } catch {
    // A user's getter or proxy may throw; the message must name the option all the same.
    return `${typeof value === 'function' ? 'a function' : 'an object'} that cannot be looked at`
  }
}

function described(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'number':
    case 'boolean':
      return `${String(value)} (${typeof value})`
    case 'bigint':
      return `${String(value)}n (bigint)`
    case 'string': {
      const shown = value.length > 60 ? `${value.slice(0, 57)}...` : value
      return `${JSON.stringify(shown)} (string)`
    }
    case 'symbol':
      return `${value.toString()} (symbol)`
    case 'function':
      return `function ${value.name || '(anonymous)'}`
    default: {
      if (value === null) return 'null'
      const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
      return Array.isArray(value)
        ? `an array of ${value.length}`
        : `an object (${typeof name === 'string' ? name : 'no prototype'})`
    }
  }
}

/** The range a number must lie in. */
export interface NumberRange {
  /** Smallest accepted value (`exclusiveMin`: the value itself is refused). */
  readonly min?: number
  readonly max?: number
  readonly exclusiveMin?: boolean
  /** Whether `Infinity` is accepted, meaning unbounded. */
  readonly allowInfinity?: boolean
  readonly integer?: boolean
}

function describeRange(range: NumberRange): string {
  const kind = range.integer === true ? 'an integer' : 'a finite number'
  const bounds: string[] = []
  if (range.min !== undefined) bounds.push(`${range.exclusiveMin === true ? '>' : '>='} ${range.min}`)
  if (range.max !== undefined) bounds.push(`<= ${inShort(range.max)}`)
  const text = bounds.length > 0 ? `${kind} ${bounds.join(' and ')}` : kind
  return range.allowInfinity === true ? `${text}, or Infinity` : text
}

/** Writes a round number with many zeros as 1e15. */
function inShort(value: number): string {
  const short = value.toExponential(0).replace('+', '')
  return value >= 1e6 && Number(short) === value ? short : String(value)
}

/**
 * Returns `value` if it is a number in `range`.
 *
 * @throws {TypeError} when it is not a number
 * @throws {RangeError} when it is NaN or outside the range
 */
export function checkNumber(name: string, value: unknown, range: NumberRange): number {
  if (typeof value !== 'number')
    throw new TypeError(`${name} must be ${describeRange(range)}; received ${describe(value)}`)
  const { min, max } = range
  const inRange =
    (Number.isFinite(value) || (value === Infinity && range.allowInfinity === true)) &&
    (min === undefined || (range.exclusiveMin === true ? value > min : value >= min)) &&
    (max === undefined || value <= max || (value === Infinity && range.allowInfinity === true)) &&
    (range.integer !== true || Number.isInteger(value) || value === Infinity)
  if (!inRange) throw new RangeError(`${name} must be ${describeRange(range)}; received ${describe(value)}`)
  return value
}

/** Returns `value` if it is a boolean. @throws {TypeError} otherwise */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false; received ${describe(value)}`)
  return value
}

/** Returns `value` if it is a function. @throws {TypeError} otherwise */
export function checkFunction<F extends (...args: never[]) => unknown>(name: string, value: F): F {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function; received ${describe(value)}`)
  return value
}

/** Returns `value` if it is one of `accepted`. @throws {TypeError} when no string, {RangeError} when another string */
export function checkOneOf<T extends string>(name: string, value: unknown, accepted: readonly T[]): T {
  if (accepted.includes(value as T)) return value as T
  const list = accepted.map((word) => `'${word}'`).join(', ')
  const ErrorClass = typeof value === 'string' ? RangeError : TypeError
  throw new ErrorClass(`${name} must be one of ${list}; received ${describe(value)}`)
}

/** Checks that `options` is an object. @param what - whose options these are @throws {TypeError} otherwise */
export function checkOptions(what: string, options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${what} options must be an object; received ${describe(options)}`)
  // An AbortSignal has no key that would be refused as unknown, and as options it would have no effect.
  if ('aborted' in options)
    throw new TypeError(`${what} options must be an object such as { signal }; received ${describe(options)}`)
}

/**
 * Checks that `options` is a plain options object without unknown keys.
 *
 * @param what - whose options these are, for the message
 * @throws {TypeError} when it is no object or holds a key that is not in `known`
 */
export function checkKeys(what: string, options: unknown, known: readonly string[]): void {
  checkOptions(what, options)
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const meant = optionMeantBy(key, known)
    const hint = meant === null ? '' : `; did you mean ${meant}?`
    throw new TypeError(`unknown ${what} option '${key}' (accepted: ${known.join(', ')})${hint}`)
  }
}

/** Returns `value` if it is an AbortSignal or undefined. @throws {TypeError} otherwise */
export function checkSignal(name: string, value: AbortSignal | undefined): AbortSignal | undefined {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new TypeError(`${name} must be an AbortSignal; received ${describe(value)}`)
  }
  return value
}
