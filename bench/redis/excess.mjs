/**
 * The most tokens that any interval of T seconds had above burst + rate × T.
 *
 * @param {number[]} times - when each token was taken, ms
 */
export function excessOf(times, rate, burst) {
  // Of an interval from token i to token j: j - i + 1 - rate (t_j - t_i). The least of i - rate t_i so far decides.
  const sorted = times.toSorted((a, b) => a - b)
  let least = Infinity
  let most = 0
  sorted.forEach((ms, i) => {
    const produced = (ms / 1000) * rate
    least = Math.min(least, i - produced)
    most = Math.max(most, i + 1 - produced - least)
  })
  return most - burst
}
