import type { Clock } from './clock.js'
import { checkFunction, describe } from './validate.js'

/** Returns `value` if it is a clock. @throws {TypeError} otherwise */
export function checkClock(name: string, value: Clock): Clock {
  const clock = value as Partial<Clock> | null
  if (
    typeof clock !== 'object' ||
    clock === null ||
    typeof clock.now !== 'function' ||
    typeof clock.setTimeout !== 'function' ||
    typeof clock.clearTimeout !== 'function'
  ) {
    throw new TypeError(`${name} must be a clock (an object with now, setTimeout and clearTimeout); received ${describe(value)}`)
  }
  return value
}

/** Returns `value` if it is a name, null if it is undefined. @throws {TypeError} otherwise, {RangeError} when empty */
export function checkName(name: string, value: string | undefined): string | null {
  if (value === undefined) return null
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string; received ${describe(value)}`)
  if (value === '') throw new RangeError(`${name} must not be empty`)
  return value
}

/** Returns `value` if it is a function or undefined. @throws {TypeError} otherwise */
export function checkOptionalFunction<F extends (...args: never[]) => unknown>(name: string, value: F | undefined): F | undefined {
  return value === undefined ? undefined : checkFunction(name, value)
}
