/** Tokens that were taken at a moment between these two: of a clock, or of another axis that only grows. */
export interface Decision {
  readonly tokens: number
  readonly from: number
  readonly to: number
}

/**
 * By how many tokens the fullest of all windows exceeds the rate, which is in tokens for each unit of the axis. A window has the decisions that were certainly
 * made in it. What was given back, as a negative number of tokens with `from` and `to` exchanged, is in every window that may have it.
 */
export function mostOverRate(decisions: readonly Decision[], rate: number): number {
  const starts = [...new Set(decisions.map(({ from }) => from))].sort((a, b) => a - b)
  /** For each start, the tokens of the window from there to the end that has been reached. */
  const held = new Float64Array(starts.length)
  let most = 0
  // Of one moment, what was given back first: a window that ends then may have it too.
  for (const { tokens, from, to } of [...decisions].sort((a, b) => a.to - b.to || a.tokens - b.tokens)) {
    for (let i = 0; i < starts.length && starts[i]! <= from; i++) {
      held[i]! += tokens
      if (tokens > 0) most = Math.max(most, held[i]! - (to - starts[i]!) * rate)
    }
  }
  return most
}
