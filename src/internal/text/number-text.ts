/** Returns a measured value with three significant digits, which is more than it deserves: 0.46, 9.25, 41.3, 4,770,000. */
export function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** Returns something counted, exactly: 1,009,718. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}
