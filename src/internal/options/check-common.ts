import type { Clock } from '../time/clock.js'
import { checkFunction, checkOneOf, describe } from './validate.js'

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
    throw new TypeError(
      `${name} must be a clock (an object with now, setTimeout and clearTimeout); received ${describe(value)}`,
    )
  }
  return value
}

/** Returns `value` if it is a name, null if it is undefined. @throws {TypeError} otherwise, {RangeError} when empty */
export function checkName(name: string, value: string | undefined): string | null {
  if (value === undefined) return null
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string; received ${describe(value)}`)
  if (value === '') throw new RangeError(`${name} must not be empty; received ${describe(value)}`)
  return value
}

export const MAX_NAME_LENGTH = 200

/**
 * Checks the options `name` and `scope` of something that is shared by name.
 *
 * @returns the name, null without one; and the scope, 'process' by default
 * @throws {TypeError} when they are of the wrong type, or scope 'machine' has no name
 * @throws {RangeError} when the name is empty or too long, has no UTF-8 form, or cannot be a name of the machine
 */
export function checkSharedName(
  name: string | undefined,
  scope: 'process' | 'machine' | undefined,
): { name: string | null; scope: 'process' | 'machine' } {
  const checkedName = checkName('name', name)
  const checkedScope = checkOneOf('scope', scope === undefined ? 'process' : scope, ['process', 'machine'])
  if (checkedName === null) {
    if (checkedScope === 'machine') throw new TypeError("scope 'machine' needs a name; received undefined")
    return { name: null, scope: checkedScope }
  }
  if (checkedName.length > MAX_NAME_LENGTH)
    throw new RangeError(`name must be at most ${MAX_NAME_LENGTH} characters long; received ${checkedName.length}`)
  // Half of a surrogate pair has no UTF-8 form: two such names would become one.
  if (/\p{Surrogate}/u.test(checkedName))
    throw new RangeError('name must be well-formed Unicode; received one with a lone surrogate')
  // Names of the machine appear on command lines and in file names, which can hold neither.
  if (checkedScope === 'machine' && /[/\0]/.test(checkedName)) {
    throw new RangeError(`name must hold neither a slash nor NUL in scope 'machine'; received ${describe(checkedName)}`)
  }
  return { name: checkedName, scope: checkedScope }
}

/** Returns `value` if it is a function or undefined. @throws {TypeError} otherwise */
export function checkOptionalFunction<F extends (...args: never[]) => unknown>(
  name: string,
  value: F | undefined,
): F | undefined {
  return value === undefined ? undefined : checkFunction(name, value)
}
