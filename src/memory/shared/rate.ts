/** Tokens counted in units, as in native/core/rate.h. */

/** The digits of the coarsest unit, which is 10^6 tokens. */
const MIN_DIGITS = -6
/** Largest accepted rate and burst: for larger ones, a unit would be coarser than 10^6 tokens. */
export const MAX_RATE = 1e15
export const MAX_BURST = 1e15

const MAX_UNITS = 1n << 62n

const POW10 = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]

/** A power of ten as a double, the same as the addon's. */
export function pow10(digits: number): number {
  return POW10[digits - MIN_DIGITS] as number
}

function countOf(amount: number, digits: number, round: (x: number) => number): { count: number; whole: boolean } {
  const exact = amount * pow10(digits)
  const nearest = Math.floor(exact + 0.5)
  const whole = nearest >= 1 && Math.abs(exact - nearest) <= nearest * 2 ** -50
  return { count: Math.min(whole ? nearest : round(exact), 2 ** 53), whole }
}

/** A cost in units, rounded up: at least one. */
export function costInUnits(tokens: number, digits: number): number {
  return Math.max(1, countOf(tokens, digits, Math.ceil).count)
}

/** A credit in units, rounded down. */
export function creditUnits(tokens: number, digits: number): bigint {
  return BigInt(countOf(tokens, digits, Math.floor).count)
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
