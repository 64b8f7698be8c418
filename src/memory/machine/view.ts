import { BREAKER_STATES, stateOf } from '../breaker/core.js'
import { TwinTokenBucket } from '../bucket/core.js'
import { TwinWaiters } from '../bucket/waiter-rows.js'
import { KeyedBuckets } from '../keyed/core.js'
import { KeyedTerms } from '../keyed/terms.js'
import { limitInForce, limitOfWord } from '../semaphore/adaptive-limit.js'
import { termsOfWord } from '../semaphore/terms.js'
import { formOfWord, inUseOf } from '../semaphore/words.js'
import {
  BREAKER,
  KEYED,
  KIND,
  NAMED_BUCKET,
  RETRY_BUDGET,
  SEMAPHORE,
  WAITERS,
  WORDS_PER_CELL,
  kindWord,
} from '../shared/layout.js'
import { doubleFromBits, MAX_BURST, MAX_RATE } from '../shared/rate.js'
import { KEYED_GROUPS, type MachineRegion, type RegionState, mapMachineRegions } from './regions.js'

/** What is known of one name of the machine; null is what its kind does not have, or what cannot be known. */
export interface MachineEntry {
  readonly name: string | null
  readonly kind: string
  readonly state: RegionState
  /** Numbers of the processes that use it. */
  readonly processes: readonly number[]
  readonly requestsPerSecond: number | null
  readonly burstSize: number | null
  readonly tokens: number | null
  /** Tokens that waiting callers and debts have reserved beyond those that are there. */
  readonly debt: number | null
  /** Tokens that callers wait for who have no reservation yet, over all processes. */
  readonly waiting: number | null
  /** How long the next caller would wait for a token, ms: by the debt, those who wait, and a pause. */
  readonly retryAfterMs: number | null
  /** Milliseconds until a pause ends; null without one. */
  readonly pausedMs: number | null
  /** Decisions since the name was made, as far as their threads have published them. */
  readonly allowed: number | null
  readonly denied: number | null
  /** Of a keyed limiter: keys whose bucket is not full, estimated from a part of a large table; and how many it has room for. */
  readonly keys: number | null
  readonly keyCapacity: number | null
  /** Of a keyed limiter: keys whose place another took while they had less than a full bucket, since the name was made. */
  readonly evicted: number | null
  /** Of a circuit breaker. */
  readonly breaker: string | null
  /** Of a bulkhead: permits in use, and how many there are. */
  readonly permits: number | null
  readonly maxConcurrent: number | null
  readonly bytes: number
  readonly file: string
}

type Details = Partial<Omit<MachineEntry, 'name' | 'kind' | 'state' | 'processes' | 'bytes' | 'file'>>

/** How a kind is called, how many cells it has at least, and how they are read. */
interface KindView {
  readonly title: string
  readonly cells: number
  readonly read?: (words: BigInt64Array, region: MachineRegion) => Details | null
}

/** What people call each kind, and how its cells are read. A kind that is not here is listed by its number. */
const KINDS: Readonly<Record<number, KindView>> = {
  [KIND.tokenBucket]: { title: 'limiter', cells: NAMED_BUCKET.cells, read: readBucket },
  [KIND.keyedTable]: { title: 'keyed limiter', cells: KEYED.headerCells, read: readKeyedTable },
  [KIND.keyedWindow]: { title: 'keyed window', cells: KEYED.headerCells },
  [KIND.semaphore]: { title: 'bulkhead', cells: 1, read: readSemaphore },
  [KIND.circuitBreaker]: { title: 'breaker', cells: BREAKER.headCells, read: readBreaker },
  [KIND.retryBudget]: { title: 'retry budget', cells: RETRY_BUDGET.cells },
}

/** What kinds are called. */
export const KIND_TITLES: readonly string[] = Object.values(KINDS).map(({ title }) => title)

const NOTHING: Required<Details> = {
  requestsPerSecond: null,
  burstSize: null,
  tokens: null,
  debt: null,
  waiting: null,
  retryAfterMs: null,
  pausedMs: null,
  allowed: null,
  denied: null,
  keys: null,
  keyCapacity: null,
  evicted: null,
  breaker: null,
  permits: null,
  maxConcurrent: null,
}

/**
 * Describes every name of this user on this machine, read from shared memory without touching the processes that use it.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' where names cannot be listed
 */
export function readMachine(): MachineEntry[] {
  return mapMachineRegions(describeRegion)
}

/** What is known of `region`. */
export function describeRegion(region: MachineRegion): MachineEntry {
  const { file, bytes, name, kind, processes } = region
  const view = KINDS[kind ?? KIND.none]
  const details = region.state === 'ready' && kind !== null ? readCells(region, kind, view) : null
  return {
    name,
    kind: view?.title ?? (kind === null ? 'unknown' : `kind ${kind}`),
    state: region.state === 'ready' && details === null ? 'not-a-region' : region.state,
    processes,
    ...NOTHING,
    ...details,
    bytes,
    file,
  }
}

/** Null when the cells do not hold what the header says. */
function readCells(region: MachineRegion, kind: number, view: KindView | undefined): Details | null {
  const { words } = region
  if (words[0] !== kindWord(kind)) return null
  if (view === undefined) return {}
  if (words.length < view.cells * WORDS_PER_CELL) return null
  try {
    return view.read === undefined ? {} : view.read(words, region)
  } catch (error) {
    // Numbers that nobody of ours wrote can be beyond all arithmetic.
    if (error instanceof RangeError || error instanceof TypeError) return null
    throw error
  }
}

function isLimit(rate: number, burst: number): boolean {
  return rate > 0 && rate <= MAX_RATE && burst >= 1 && burst <= MAX_BURST
}

function readBucket(words: BigInt64Array): Details | null {
  const nowNs = process.hrtime.bigint()
  const rows = words.subarray(NAMED_BUCKET.cells * WORDS_PER_CELL)
  const waiting = rows[WAITERS.kind] === kindWord(KIND.waiters) ? new TwinWaiters(rows).others(0, nowNs).waiting : 0
  const look = new TwinTokenBucket(words).look(nowNs, waiting)
  // Its parameters are being changed at this moment.
  if (look === null) return {}
  const { requestsPerSecond, burstSize, tokens, debt, pausedMs, retryAfterMs } = look
  if (!isLimit(requestsPerSecond, burstSize)) return null
  const counts = { allowed: Number(words[NAMED_BUCKET.allowed]), denied: Number(words[NAMED_BUCKET.denied]) }
  const pause = pausedMs > 0 ? pausedMs : null
  return { requestsPerSecond, burstSize, tokens, debt, waiting, retryAfterMs, pausedMs: pause, ...counts }
}

/** What holds for every key, and how many there are; the keys themselves are hashes. */
function readKeyedTable(words: BigInt64Array): Details | null {
  const [requestsPerSecond, burstSize] = [
    doubleFromBits(words[KEYED.rate] ?? 0n),
    doubleFromBits(words[KEYED.burst] ?? 0n),
  ]
  if (!isLimit(requestsPerSecond, burstSize)) return null
  const terms = KeyedTerms.read(words)
  if (terms === null) return { requestsPerSecond, burstSize }
  const count = (word: number): number => Number(words[word] ?? 0n)
  const counts = { allowed: count(KEYED.allowed), denied: count(KEYED.denied), evicted: count(KEYED.evicted) }
  const keys = KeyedBuckets.keysIn(words, terms, process.hrtime.bigint(), KEYED_GROUPS)
  return { requestsPerSecond, burstSize, keys, keyCapacity: terms.asked.capacity, ...counts }
}

function readSemaphore(words: BigInt64Array, { permitsOfEnded }: MachineRegion): Details | null {
  const permits = Math.max(0, inUseOf(words[SEMAPHORE.hot] ?? 0n) - permitsOfEnded)
  const { most, least } = termsOfWord(words[SEMAPHORE.terms] ?? 0n)
  if (most === 0) return null
  if (formOfWord(words[SEMAPHORE.shape] ?? 0n).least === 0) return { permits, maxConcurrent: most }
  const { limit, dip } = limitOfWord(words[SEMAPHORE.limit] ?? 0n)
  return { permits, maxConcurrent: limitInForce(limit, dip, { least, most }) }
}

function readBreaker(words: BigInt64Array): Details {
  return { breaker: BREAKER_STATES[stateOf(words[BREAKER.control] ?? 0n)] }
}
