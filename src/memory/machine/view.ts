import { nativeAddon } from '../../internal/native.js'
import { BREAKER_STATES } from '../breaker/breaker.js'
import { BREAKER, CELL_BYTES, KEYED, KIND, NAMED_BUCKET, RETRY_BUDGET, WORDS_PER_CELL } from '../shared/layout.js'
import { type MachineRegion, type RegionState, mapMachineRegions } from './regions.js'

declare module '../../internal/native.js' {
  interface NativeAddon {
    /** Whether the cells hold an object of `kind`; writes its numbers. See native/binding/machine_view.cc. */
    machineLook(kind: number, cells: BigInt64Array, nowMs: number, out: Float64Array): boolean
  }
}

/** One name of the machine; a field is null if its kind does not have it, or if it cannot be known. */
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
  /** Tokens wanted by callers without a reservation, in all processes. */
  readonly waiting: number | null
  /** How long the next caller would wait for a token, ms: for the debt, the callers before it, and a pause. */
  readonly retryAfterMs: number | null
  /** Milliseconds until a pause ends; null without one. */
  readonly pausedMs: number | null
  /** Decisions since the name was made, as far as their threads have published them. */
  readonly allowed: number | null
  readonly denied: number | null
  /** For a keyed limiter: keys whose bucket is not full, estimated from a part of a large table; and for how many it has room. */
  readonly keys: number | null
  readonly keyCapacity: number | null
  /** For a keyed limiter: keys that lost their place to another key before their bucket was full, since the name was made. */
  readonly evicted: number | null
  /** For a circuit breaker: its state. */
  readonly breaker: string | null
  /** For a bulkhead: permits in use, and how many there are. */
  readonly permits: number | null
  readonly maxConcurrent: number | null
  readonly bytes: number
  readonly file: string
}

type Details = Partial<Omit<MachineEntry, 'name' | 'kind' | 'state' | 'processes' | 'bytes' | 'file'>>

/** The name of a kind, the fewest cells it has, and how its details are read. */
interface KindView {
  readonly title: string
  readonly cells: number
  /** @param values - the numbers that the addon wrote */
  readonly say?: (values: readonly number[], words: BigInt64Array) => Details
}

/** The known kinds. A kind that is not here is listed by its number. */
const KINDS: Readonly<Record<number, KindView>> = {
  [KIND.tokenBucket]: { title: 'limiter', cells: NAMED_BUCKET.cells, say: sayBucket },
  [KIND.keyedTable]: { title: 'keyed limiter', cells: KEYED.headerCells, say: sayKeyedTable },
  [KIND.keyedWindow]: { title: 'keyed window', cells: KEYED.headerCells },
  [KIND.semaphore]: {
    title: 'bulkhead',
    cells: 1,
    say: ([permits = 0, maxConcurrent = 0]) => ({ permits, maxConcurrent }),
  },
  [KIND.circuitBreaker]: {
    title: 'breaker',
    cells: BREAKER.headCells,
    say: ([state = 0]) => ({ breaker: BREAKER_STATES[state] ?? null }),
  },
  [KIND.retryBudget]: { title: 'retry budget', cells: RETRY_BUDGET.cells },
}

/** The names of all known kinds. */
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
 * Describes every name of this user on this machine, in the order of the names, read from shared memory without touching the processes that
 * use it.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' if names cannot be listed
 */
export function readMachine(): MachineEntry[] {
  return mapMachineRegions(describeRegion).sort((one, other) => (one.name ?? '').localeCompare(other.name ?? ''))
}

/** Describes one region. */
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

/** Reads the details; null when the cells do not contain what the header says. */
function readCells({ words }: MachineRegion, kind: number, view: KindView | undefined): Details | null {
  const addon = nativeAddon()
  if (addon === null || words.length < (view?.cells ?? 1) * WORDS_PER_CELL) return null
  const values = new Float64Array(8)
  if (!addon.machineLook(kind, alignedCopy(words), NaN, values)) return null
  return view?.say?.([...values], words) ?? {}
}

/** Copies cells into memory that is aligned as the addon requires. */
function alignedCopy(words: BigInt64Array): BigInt64Array {
  const bytes = Math.ceil(words.byteLength / CELL_BYTES) * CELL_BYTES
  // A growable buffer is page-aligned.
  const copy = new BigInt64Array(new SharedArrayBuffer(bytes, { maxByteLength: bytes }), 0, words.length)
  copy.set(words)
  return copy
}

const counted = (words: BigInt64Array, word: number): number => Number(words[word] ?? 0n)
const known = (value: number | undefined): number | null => (value === undefined || Number.isNaN(value) ? null : value)

function sayBucket(values: readonly number[], words: BigInt64Array): Details {
  const [requestsPerSecond = NaN, burstSize = 0, tokens = 0, debt = 0, waiting = 0, retryAfterMs = 0, pausedMs = 0] =
    values
  // NaN: its parameters are being changed at this moment.
  if (Number.isNaN(requestsPerSecond)) return {}
  return {
    requestsPerSecond,
    burstSize,
    tokens,
    debt,
    waiting,
    retryAfterMs,
    pausedMs: pausedMs > 0 ? pausedMs : null,
    allowed: counted(words, NAMED_BUCKET.allowed),
    denied: counted(words, NAMED_BUCKET.denied),
  }
}

/** The parameters of every key, and how many there are; the keys themselves are hashes. */
function sayKeyedTable(
  [requestsPerSecond = 0, burstSize = 0, keys, keyCapacity]: readonly number[],
  words: BigInt64Array,
): Details {
  // The words only begin like a table.
  if (known(keyCapacity) === null) return { requestsPerSecond, burstSize }
  return {
    requestsPerSecond,
    burstSize,
    keys: known(keys),
    keyCapacity: known(keyCapacity),
    allowed: counted(words, KEYED.allowed),
    denied: counted(words, KEYED.denied),
    evicted: counted(words, KEYED.evicted),
  }
}
