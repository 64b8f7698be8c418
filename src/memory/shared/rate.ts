/**
 * What a rate is in integers: the twin of native/core/rate.h, same names, same results. BigInt keeps it short; where the
 * addon loads, none of this runs on a hot path.
 */

/** Of the finest and the coarsest unit: 10^-6 and 10^6 tokens. */
export const MAX_DIGITS = 6
export const MIN_DIGITS = -6
/** The axis of units must last this long at full rate: 100 years. */
export const HORIZON_SECONDS = 3.15576e9
/** Largest accepted rate and burst: beyond, a unit would be coarser than 10^6 tokens. */
export const MAX_RATE = 1e15
export const MAX_BURST = 1e15
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** A wait that never ends. */
export const NEVER = (1n << 63n) - 1n
/** A longer wait, beyond 146 years, counts as one that never ends. */
export const MAX_WAIT_NS = 1n << 62n
const MAX_UNITS = 1n << 62n
/** Until a slot has produced this much, production is exact; see native/core/rate.h. */
export const EXACT_UNITS = 1n << 31n

const POW10 = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]

/** A power of ten as a double, the same as the addon's. */
export function pow10(digits: number): number {
  return POW10[digits - MIN_DIGITS] as number
}

/** How many decimal digits of a token are counted. `total` is what the axis holds already, in tokens. */
export function digitsFor(rate: number, burst: number, total: number): number {
  const need = rate * HORIZON_SECONDS + burst + total
  let digits = MAX_DIGITS
  while (digits > MIN_DIGITS && (need * pow10(digits) >= 2 ** 62 || burst * pow10(digits) > 2 ** 50)) digits--
  return digits
}

/** Units per nanosecond as multiplier / 2^shift, rounded up. */
export interface UnitRate {
  readonly multiplier: bigint
  readonly shift: bigint
}

function countOf(amount: number, digits: number, round: (x: number) => number): { count: number; whole: boolean } {
  const exact = amount * pow10(digits)
  const nearest = Math.floor(exact + 0.5)
  const whole = nearest >= 1 && Math.abs(exact - nearest) <= nearest * 2 ** -50
  return { count: Math.min(whole ? nearest : round(exact), 2 ** 53), whole }
}

const bits = new DataView(new ArrayBuffer(8))

/** The bits of a double as a signed integer, as a word of shared memory holds them. */
export function doubleToBits(value: number): bigint {
  bits.setFloat64(0, value)
  return bits.getBigInt64(0)
}

export function doubleFromBits(word: bigint): number {
  bits.setBigInt64(0, word)
  return bits.getFloat64(0)
}

/** value = mantissa * 2^exponent with a mantissa of exactly 53 bits. */
function decompose(value: number): { mantissa: bigint; exponent: number } {
  const word = doubleToBits(value)
  const field = Number((word >> 52n) & 0x7ffn)
  const fraction = word & ((1n << 52n) - 1n)
  if (field !== 0) return { mantissa: fraction | (1n << 52n), exponent: field - 1075 }
  const missing = 53 - bitLength(fraction)
  return { mantissa: fraction << BigInt(missing), exponent: -1074 - missing }
}

function bitLength(value: bigint): number {
  return value.toString(2).length
}

export function unitRate(tokensPerSecond: number, digits: number): UnitRate {
  const { count, whole } = countOf(tokensPerSecond, digits, Math.floor)
  const divisor = 10n ** BigInt(whole ? 9 : 9 - digits)
  const { mantissa, exponent } = decompose(whole ? count : tokensPerSecond)
  let up = 9 + bitLength(divisor)
  while ((mantissa << BigInt(up)) / divisor >= 1n << 62n) up--
  const roundedUp = ((mantissa << BigInt(up)) + divisor - 1n) / divisor
  const shift = up - exponent
  // No time there is produces a unit.
  if (shift > 126) return { multiplier: 1n, shift: 126n }
  return { multiplier: roundedUp, shift: BigInt(shift) }
}

/** Units produced in `elapsedNs` >= 0. */
export function producedIn(rate: UnitRate, elapsedNs: bigint): bigint {
  return (elapsedNs * rate.multiplier) >> rate.shift
}

/** The least number of nanoseconds that produces `units` > 0, or NEVER. */
export function timeToProduce(rate: UnitRate, units: bigint): bigint {
  const ns = ((units << rate.shift) + rate.multiplier - 1n) / rate.multiplier
  return ns > MAX_WAIT_NS ? NEVER : ns
}

/** A cost in units, rounded up; at least one. */
export function costUnits(tokens: number, digits: number): bigint {
  return BigInt(costInUnits(tokens, digits))
}

/** The same as a number. */
export function costInUnits(tokens: number, digits: number): number {
  return Math.max(1, countOf(tokens, digits, Math.ceil).count)
}

/** A credit in units, rounded down. */
export function creditUnits(tokens: number, digits: number): bigint {
  return BigInt(countOf(tokens, digits, Math.floor).count)
}

/** Units in tokens. */
export function tokensOf(units: bigint, digits: number): number {
  return digits >= 0 ? Number(units) / pow10(digits) : Number(units * 10n ** BigInt(-digits))
}

/** Units, as a double, in tokens: how `total` of {@link digitsFor} is computed. */
export function totalTokens(units: bigint, digits: number): number {
  return units > 0n ? Number(units) / pow10(digits) : 0
}

/** The same amount counted with other digits, rounded down, and cut at what an axis can hold. */
export function rescaleDown(units: bigint, fromDigits: number, toDigits: number): bigint {
  if (toDigits >= fromDigits) {
    const more = 10n ** BigInt(toDigits - fromDigits)
    const limit = MAX_UNITS / more
    return units > limit ? MAX_UNITS : units < -limit ? -MAX_UNITS : units * more
  }
  const factor = 10n ** BigInt(fromDigits - toDigits)
  const quotient = units / factor
  return quotient * factor > units ? quotient - 1n : quotient
}

/** The same amount counted with other digits, rounded up. */
export function rescaleUp(units: bigint, fromDigits: number, toDigits: number): bigint {
  return -rescaleDown(-units, fromDigits, toDigits)
}

/** Nanoseconds of a time or duration in ms, rounded to the nearest and cut at 73 years. */
export function nsFromMs(ms: number): bigint {
  const ns = Math.floor(ms * 1e6 + 0.5)
  if (Math.abs(ns) <= Number.MAX_SAFE_INTEGER) return BigInt(ns)
  if (Math.abs(ns) >= 2 ** 61) return ns > 0 ? 1n << 61n : -(1n << 61n)
  // Times of a wall clock: as one number they would be off by 256 ns, and a window of 100 ms would not be over after 100 ms.
  const whole = Math.floor(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((ms - whole) * 1e6 + 0.5))
}
