import { ADAPTIVE, SEMAPHORE } from '../shared/layout.js'

/** How many may be in use and how many may wait, as one word of shared memory holds them. */
export interface SemaphoreTerms {
  readonly most: number
  /** Of an adaptive limit; 0 of a fixed one. */
  readonly least: number
  /** -1: no bound. */
  readonly maxQueue: number
}

const MOST_SHIFT = BigInt(SEMAPHORE.termsMostShift)
const LEAST_SHIFT = BigInt(SEMAPHORE.termsLeastShift)

export function wordOfTerms({ most, least, maxQueue }: SemaphoreTerms): bigint {
  const queue = maxQueue > SEMAPHORE.mostQueue ? 0 : maxQueue + 1
  return (BigInt(most) << MOST_SHIFT) | (BigInt(least) << LEAST_SHIFT) | BigInt(queue)
}

/** What was scribbled over the word comes out as something that does no harm. */
export function termsOfWord(word: bigint): SemaphoreTerms {
  const bits = (shift: bigint, most: number): number => Number((word >> shift) & BigInt(most))
  const most = bits(MOST_SHIFT, SEMAPHORE.mostPermits)
  return {
    most,
    least: Math.min(bits(LEAST_SHIFT, ADAPTIVE.mostLimit), most),
    maxQueue: bits(0n, SEMAPHORE.mostQueue + 1) - 1,
  }
}
