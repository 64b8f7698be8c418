// What the items of the benchmark do: work that takes as long wherever it runs.
const ROUNDS_PER_MS = 1_000_000

function spin(rounds) {
  let x = rounds
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

/** About a millisecond. */
export const millisecond = (n) => spin(ROUNDS_PER_MS) + n

/** About 20 microseconds. */
export const microseconds = (n) => spin(ROUNDS_PER_MS / 50) + n

export const next = (n) => n + 1
