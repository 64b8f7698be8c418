/**
 * Every word of shared memory, as native/core/layout.h defines it: that file says what each word means, who writes it
 * and in which order. A test compares the two.
 */

export const LAYOUT_VERSION = 1
export const CELL_BYTES = 64
export const WORDS_PER_CELL = 8

/** The first cell of a region. */
export const REGION = { magic: 0, version: 1, cells: 2, magicValue: 0x455a_4953_524f_4d41n } as const

export const KIND = { none: 0, tokenBucket: 1, semaphore: 3 } as const

export function kindWord(kind: number): bigint {
  return (BigInt(LAYOUT_VERSION) << 32n) | (0x414dn << 16n) | BigInt(kind)
}

/** Words of a token bucket. */
export const BUCKET = {
  cells: 5,
  kind: 0,
  hot: 1,
  claim: 2,
  claimTickBits: 10,
  claimTimeShift: 7,
  quarantineShift: 3,
  slots: 4,
  firstSlot: 8,
  generation: 0,
  epochNs: 1,
  base: 2,
  multiplier: 3,
  scale: 4,
  burstUnits: 5,
  rate: 6,
  burst: 7,
  generationBits: 8,
} as const

/** Words of a semaphore. */
export const SEMAPHORE = {
  kind: 0,
  hot: 1,
  queue: 2,
  maxConcurrent: 3,
  maxQueue: 4,
  shape: 5,
  firstRow: 8,
  owner: 0,
  own: 1,
  grants: 2,
  doorbell: 3,
  sequenceBits: 34,
  stampBits: 40,
  queuedBit: 3,
  freeShift: 4,
  lengthBits: 12,
  waitingBits: 18,
  mostPermits: 2 ** 20 - 1,
  mostRows: 63,
  mostPlaces: 2 ** 12 - 1,
  rows: 63,
  places: 512,
  cells: 128,
} as const
