export const pick = (list, number) => list[number % list.length]

/** Chooses by weight. */
export function weighted(weights, number) {
  const entries = Object.entries(weights)
  let left = number % entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [name, weight] of entries) if ((left -= weight) < 0) return name
  return entries[0][0]
}
