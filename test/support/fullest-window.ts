/** A caller was let go on at a moment between these two, ms. */
export interface Decision {
  readonly tokens: number
  readonly fromMs: number
  readonly toMs: number
}

/** By how many tokens the fullest of all windows exceeds the rate. A window has the decisions that were certainly made in it. */
export function mostOverRate(decisions: readonly Decision[], requestsPerSecond: number): number {
  const starts = [...new Set(decisions.map(({ fromMs }) => fromMs))].sort((a, b) => a - b)
  /** For each start, the tokens of the window from there to the end that has been reached. */
  const held = new Float64Array(starts.length)
  let most = 0
  for (const { tokens, fromMs, toMs } of [...decisions].sort((a, b) => a.toMs - b.toMs)) {
    for (let i = 0; i < starts.length && starts[i]! <= fromMs; i++) {
      held[i]! += tokens
      most = Math.max(most, held[i]! - ((toMs - starts[i]!) * requestsPerSecond) / 1000)
    }
  }
  return most
}
