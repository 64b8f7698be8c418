/** Returns a ratio with two decimals, rounded down: 0.949 has not reached 0.95. */
export function roundedDown(ratio) {
  return (Math.floor(ratio * 100 + 1e-9) / 100).toFixed(2)
}
