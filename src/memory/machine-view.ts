import { doubleFromBits } from '../internal/rate.js'
import { BREAKER_STATE } from './circuit-breaker.js'
import { BREAKER, KEYED, KIND, NAMED_BUCKET, SEMAPHORE, kindWord } from './layout.js'
import { type MachineRegion, type RegionState, listMachineRegions } from './machine-regions.js'
import { TwinTokenBucket } from './token-bucket.js'

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
  /** Milliseconds until a pause ends; null without one. */
  readonly pausedMs: number | null
  /** Decisions since the name was made, as far as their threads have published them. */
  readonly allowed: number | null
  readonly denied: number | null
  /** Of a circuit breaker. */
  readonly breaker: string | null
  /** Of a bulkhead: permits in use. */
  readonly permits: number | null
  readonly bytes: number
  readonly file: string
}

type Details = Partial<Omit<MachineEntry, 'name' | 'kind' | 'state' | 'processes' | 'bytes' | 'file'>>

/** What people call each kind, and how its cells are read. A kind that is not here is listed by its number. */
const KINDS: Readonly<
  Record<number, { readonly title: string; readonly read?: (words: BigInt64Array) => Details | null }>
> = {
  [KIND.tokenBucket]: { title: 'limiter', read: readBucket },
  [KIND.keyedTable]: { title: 'keyed limiter', read: readKeyedTable },
  [KIND.semaphore]: { title: 'bulkhead', read: readSemaphore },
  [KIND.circuitBreaker]: { title: 'breaker', read: readBreaker },
  [KIND.retryBudget]: { title: 'retry budget' },
}

const NOTHING: Required<Details> = {
  requestsPerSecond: null,
  burstSize: null,
  tokens: null,
  debt: null,
  pausedMs: null,
  allowed: null,
  denied: null,
  breaker: null,
  permits: null,
}

/**
 * Describes every name of this user on this machine, read from shared memory without touching the processes that use it.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' where names cannot be listed
 */
export function readMachine(): MachineEntry[] {
  return listMachineRegions().map(describeRegion)
}

/** What is known of `region`. */
export function describeRegion(region: MachineRegion): MachineEntry {
  const { file, bytes, name, kind, processes, words } = region
  const { title, read } = KINDS[kind ?? KIND.none] ?? { title: kind === null ? 'unknown' : `kind ${kind}` }
  const holdsKind = kind !== null && words[0] === kindWord(kind)
  const state = region.state === 'ready' && !holdsKind ? 'not-a-region' : region.state
  const details = state === 'ready' ? read?.(words) : undefined
  return { name, kind: title, state, processes, ...NOTHING, ...details, bytes, file }
}

function readBucket(words: BigInt64Array): Details | null {
  const look = new TwinTokenBucket(words).look(process.hrtime.bigint())
  if (look === null) return null
  const { requestsPerSecond, burstSize, tokens, debt, pausedMs } = look
  const counts = { allowed: Number(words[NAMED_BUCKET.allowed]), denied: Number(words[NAMED_BUCKET.denied]) }
  return { requestsPerSecond, burstSize, tokens, debt, pausedMs: pausedMs > 0 ? pausedMs : null, ...counts }
}

/** What holds for every key; the keys themselves are hashes. */
function readKeyedTable(words: BigInt64Array): Details {
  return {
    requestsPerSecond: doubleFromBits(words[KEYED.rate] ?? 0n),
    burstSize: doubleFromBits(words[KEYED.burst] ?? 0n),
  }
}

function readSemaphore(words: BigInt64Array): Details {
  const free = BigInt.asUintN(64, words[SEMAPHORE.hot] ?? 0n) >> BigInt(SEMAPHORE.stampBits + SEMAPHORE.freeShift)
  return { permits: Number((words[SEMAPHORE.maxConcurrent] ?? 0n) - free) }
}

const BREAKER_STATES = Object.entries(BREAKER_STATE)

function readBreaker(words: BigInt64Array): Details {
  const state = Number((words[BREAKER.control] ?? 0n) & 3n)
  return {
    breaker:
      BREAKER_STATES.find(([, number]) => number === state)?.[0].replace(
        /[A-Z]/,
        (letter) => `-${letter.toLowerCase()}`,
      ) ?? null,
  }
}
