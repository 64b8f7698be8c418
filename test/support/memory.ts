/** An even number: what V8 keeps in one round it often frees in the next, and an odd number would hold one of the first kind more. */
const ROUNDS = 6

/** What V8 keeps for itself, now more, now less; … */
export const NOISE_BYTES = 800_000
/** … and where calls come one after the other, so that no promises and timers are there by the thousand. */
export const LITTLE_NOISE_BYTES = 300_000

/** Calls in a round. Whatever each of them leaves behind, be it a closure or a number, is more than its share of the noise: 1.5 or 4 bytes in the soak, 6 or 16 here. */
export const CALLS = process.env['AMORSIZE_SOAK'] === '1' ? 200_000 : 50_000

/** Bytes in use after everything that can be collected is; finalizers of the addon run between the collections. */
export async function settledBytes(...kinds: (keyof NodeJS.MemoryUsage)[]): Promise<number> {
  for (let collected = 0; collected < 4; collected++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const usage = process.memoryUsage()
  return kinds.reduce((sum, kind) => sum + usage[kind], 0)
}

/** The middle one; of an even number, the larger of the two in the middle. */
export const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/**
 * The bytes that a round of work leaves behind: the median of several, after one that warms up; of the two in the middle, the smaller.
 * What leaks does so in every round. What V8 keeps for itself comes and goes: a table of 0.2 MB in which it remembers numbers as strings, compiled code.
 */
export async function leftByARound(round: () => unknown, ...kinds: (keyof NodeJS.MemoryUsage)[]): Promise<number> {
  await round()
  const left: number[] = []
  let before = await settledBytes(...kinds)
  for (let rounds = 0; rounds < ROUNDS; rounds++) {
    await round()
    const after = await settledBytes(...kinds)
    left.push(after - before)
    before = after
  }
  return left.sort((a, b) => a - b)[ROUNDS / 2 - 1]!
}

/** How often `leftByARound` calls its round. */
leftByARound.rounds = ROUNDS + 1
