/**
 * Every word of shared memory, as native/core/layout.h defines it: that file says what each word means, who writes it
 * and in which order. A test compares the two.
 */

export const LAYOUT_VERSION = 9
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
  clock: 6,
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
export const BUCKET = {
  cells: 5,
  kind: 0,
  hot: 1,
  claim: 2,
  claimTickBits: 10,
  claimTimeShift: 7,
  quarantineShift: 3,
  reserved: 3,
  reservedDigitsBits: 4,
  nowhere: -(1n << 63n),
  maxReserved: (1n << 59n) - 1n,
  slots: 4,
  firstSlot: 8,
  generation: 0,
  epochNs: 1,
  base: 2,
  multiplier: 3,
  scale: 4,
  pauseBit: 12,
  burstUnits: 5,
  rate: 6,
  burst: 7,
  generationBits: 11,
  spentShift: 11,
} as const

/** Words of a circuit breaker. */
export const BREAKER = {
  headCells: 14,
  maxProbes: 256,
  kind: 0,
  control: 1,
  reopeningsShift: 3,
  slotShift: 9,
  generationShift: 12,
  maxReopenings: 63,
  until: 2,
  untilTagBits: 15,
  streak: 3,
  streakCountBits: 20,
  streakTagShift: 44,
  streakTagBits: 19,
  claims: 4,
  firstParameter: 8,
  epochNs: 20,
  slots: 7,
  firstSlot: 24,
  wordsPerSlot: 12,
  updates: 0,
  firstProbe: 112,
  leaseBits: 38,
  holderBits: 8,
  probeTagBits: 17,
  indexShift: 14,
  cursorMinuteShift: 28,
  cursorTagShift: 48,
  cursorTagBits: 15,
  callsPerWord: 16,
  maxCalls: 10_000,
  ringTagShift: 32,
  ringTagBits: 31,
  slices: 10,
  wordsPerSlice: 4,
  sliceCountBits: 28,
  sliceTagShift: 53,
  sliceTagBits: 10,
  minuteBits: 20,
} as const

/** What a circuit breaker goes by, in order. */
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
export const RETRY_BUDGET = {
  cells: 3,
  kind: 0,
  ratio: 1,
  reserve: 2,
  sliceNs: 3,
  firstSlice: 8,
  slices: 10,
  kept: 11,
  unitBits: 20,
  balanceBits: 40,
} as const

/** Words of a semaphore. */
export const SEMAPHORE = {
  kind: 0,
  hot: 1,
  queue: 2,
  maxConcurrent: 3,
  maxQueue: 4,
  shape: 5,
  limit: 6,
  terms: 7,
  termsMostShift: 43,
  termsLeastShift: 30,
  firstRow: 8,
  owner: 0,
  own: 1,
  grants: 2,
  doorbell: 3,
  space: 4,
  target: 5,
  collected: 6,
  late: 7,
  sequenceBits: 34,
  stampBits: 40,
  queuedBit: 3,
  inUseShift: 4,
  lengthBits: 12,
  waitingBits: 18,
  mostPermits: 2 ** 20 - 1,
  mostRows: 63,
  mostPlaces: 2 ** 12 - 1,
  mostQueue: 2 ** 30 - 2,
  rows: 63,
  places: 512,
  cells: 128,
} as const

/** Words of the last line of an adaptive semaphore, and the parts of its limit. */
export const ADAPTIVE = {
  sum: 0,
  peak: 1,
  windowEnd: 2,
  sumCountShift: 44,
  dropsShift: 32,
  limitShift: 42,
  limitFractionBits: 8,
  baseShift: 12,
  baseBits: 30,
  dipShift: 10,
  dipBits: 2,
  patienceShift: 7,
  patienceBits: 3,
  mostLimit: 8191,
  mostUs: 2 ** 30 - 1,
} as const

/** Words of those who wait for a bucket. */
export const WAITERS = {
  kind: 0,
  arrivals: 1,
  used: 2,
  rows: 3,
  perToken: 1000,
  firstRow: 8,
  owner: 0,
  space: 1,
  next: 2,
  waiting: 3,
  lookAtNs: 4,
  heldEnd: 5,
  heldSize: 6,
  heldShift: 11,
  nobody: -(1n << 63n),
  processRows: 63,
  machineRows: 255,
} as const

/** What follows a bucket that has a name. */
export const NAMED_BUCKET = {
  cells: 6,
  foundingRate: 40,
  foundingBurst: 41,
  allowed: 42,
  denied: 43,
  machineCells: 262,
} as const

/** Words of a keyed table, of its groups, and of their slots. */
export const KEYED = {
  headerCells: 2,
  groupCells: 8,
  groupWords: 64,
  maxSlots: 31,
  kind: 0,
  groups: 1,
  slots: 2,
  capacity: 3,
  seedLow: 4,
  seedHigh: 5,
  epochNs: 6,
  multiplier: 7,
  scale: 8,
  burstUnits: 9,
  rate: 10,
  burst: 11,
  allowed: 12,
  denied: 13,
  evicted: 14,
  firstGroup: 16,
  claim: 0,
  firstSlot: 2,
  wordsPerSlot: 2,
  claimSlotShift: 11,
  claimPending: 1n << 10n,
  identity: 0,
  level: 1,
  generationBits: 16,
  tagBits: 48,
  markBits: 2,
  frozen: -(1n << 63n),
  fresh: -(1n << 63n) + (1n << 32n),
} as const

/** Levels of a keyed window, which otherwise is a keyed table. */
export const WINDOW = {
  countBits: 20,
  endShift: 22,
  endBits: 38,
  generationBits: 3,
  mostCount: 2 ** 20 - 1,
  belowEnd: (1n << 22n) - 1n,
  mostMs: 2 ** 38 - 1,
} as const
