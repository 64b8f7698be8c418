/**
 * The part of the layout of shared memory that TypeScript uses. native/core/layout.h defines it, and says what each word means, who writes
 * it and in which order. A test compares the two.
 */

export const LAYOUT_VERSION = 10
export const CELL_BYTES = 64
export const WORDS_PER_CELL = 8

/** The first cell of a region. */
export const REGION = { magic: 0, version: 1, cells: 2, magicValue: 0x455a_4953_524f_4d41n } as const

/** The header of a region that has a name on the machine. */
export const MACHINE = {
  headerCells: 64,
  kind: 3,
  bootHigh: 4,
  bootLow: 5,
  nameBytes: 8,
  name: 16,
  nameWords: 80,
  owners: 96,
  ownerRows: 208,
  ownerRowWords: 2,
  pidBits: 22,
} as const

export const KIND = {
  none: 0,
  tokenBucket: 1,
  keyedTable: 2,
  semaphore: 3,
  circuitBreaker: 4,
  retryBudget: 5,
  keyedWindow: 6,
  waiters: 7,
} as const

export function kindWord(kind: number): bigint {
  return (BigInt(LAYOUT_VERSION) << 32n) | (0x414dn << 16n) | BigInt(kind)
}

/** Words of a token bucket. */
export const BUCKET = { cells: 5, claim: 2, firstSlot: 8, rate: 6, burst: 7 } as const

/** Words of a circuit breaker. */
export const BREAKER = {
  headCells: 14,
  maxProbes: 256,
  control: 1,
  generationShift: 11,
  claims: 4,
  slots: 7,
  firstProbe: 112,
  callsPerWord: 16,
  maxCalls: 10_000,
  slices: 10,
  wordsPerSlice: 4,
} as const

/** The parameters of a circuit breaker, in order. */
export const BREAKER_PARAMETER = {
  mode: 0,
  size: 1,
  failureRate: 2,
  slowRate: 3,
  slowCallMs: 4,
  minimumCalls: 5,
  successThreshold: 6,
  resetTimeoutMs: 7,
  resetTimeoutFactor: 8,
  maxResetTimeoutMs: 9,
  probeLeaseMs: 10,
  probeFailureRate: 11,
  count: 12,
} as const

/** Words of a retry budget. */
export const RETRY_BUDGET = { cells: 3 } as const

/** Words of a semaphore. */
export const SEMAPHORE = {
  hot: 1,
  maxConcurrent: 3,
  shape: 5,
  terms: 7,
  termsMostShift: 43,
  firstRow: 8,
  owner: 0,
  own: 1,
  grants: 2,
  space: 4,
  mostPermits: 2 ** 20 - 1,
  mostRows: 63,
  mostQueue: 2 ** 30 - 2,
  rows: 63,
  places: 512,
  cells: 128,
} as const

/** The greatest limit of an adaptive semaphore. */
export const ADAPTIVE = { mostLimit: 8191 } as const

/** Words of the rows of queues that wait for a bucket. */
export const WAITERS = {
  used: 2,
  rows: 3,
  perToken: 1000,
  firstRow: 8,
  owner: 0,
  waiting: 3,
  lookAtNs: 4,
  processRows: 63,
  machineRows: 255,
} as const

/** The cells of a bucket that has a name, and words with its counts. */
export const NAMED_BUCKET = { cells: 6, allowed: 42, denied: 43 } as const

/** Words of a keyed table, of its groups, and of their slots. */
export const KEYED = {
  headerCells: 2,
  groupCells: 8,
  groupWords: 64,
  maxSlots: 31,
  groups: 1,
  slots: 2,
  capacity: 3,
  seedLow: 4,
  seedHigh: 5,
  multiplier: 7,
  scale: 8,
  burstUnits: 9,
  rate: 10,
  burst: 11,
  allowed: 12,
  denied: 13,
  evicted: 14,
  generationBits: 16,
} as const

/** The greatest numbers of a keyed window, which otherwise is laid out like a keyed table. */
export const WINDOW = { mostCount: 2 ** 20 - 1, mostMs: 2 ** 38 - 1 } as const
