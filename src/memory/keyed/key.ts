import { describe } from '../../internal/options/validate.js'

/**
 * The key of one bucket in a keyed table: a string of at most 65,536 characters, a number other than NaN, or a bigint of at
 * most 8,192 bits. Keys of different types are different keys: '1', 1 and 1n. Longer keys are refused with a `RangeError`; if callers
 * choose the keys, hash or cut those that may be long.
 */
export type Key = string | number | bigint

/** Longer keys are refused; native/binding/keys.h has the same limits. */
const MAX_KEY_UNITS = 65_536
const MAX_KEY_BITS = 8192

/** Whether `key` can be a key. */
export function isKey(key: unknown): key is Key {
  if (typeof key === 'string') return key.length <= MAX_KEY_UNITS
  if (typeof key === 'bigint') return BigInt.asUintN(MAX_KEY_BITS, key < 0n ? -key : key) === (key < 0n ? -key : key)
  return typeof key === 'number' && !Number.isNaN(key)
}

/** Returns `key` if it is valid. @throws {TypeError} when it is not a string, number or bigint, {RangeError} when it is NaN or too long */
export function checkKey(name: string, key: unknown): Key {
  if (isKey(key)) return key
  if (typeof key === 'number')
    throw new RangeError(`${name} must be a string, a number other than NaN, or a bigint; received NaN (number)`)
  if (typeof key === 'string')
    throw new RangeError(`${name} must be at most ${MAX_KEY_UNITS} characters long; received ${key.length}`)
  if (typeof key === 'bigint')
    throw new RangeError(`${name} must have at most ${MAX_KEY_BITS} bits; received a larger bigint`)
  throw new TypeError(`${name} must be a string, number or bigint; received ${describe(key)}`)
}
