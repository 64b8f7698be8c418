import { type MachineEntry, readMachine } from '../../memory/machine/view.js'
import { holds } from '../text/shown-name.js'
import { type TopRow, healthOf } from './state.js'

const UNKNOWN = { allowedPerSecond: null, deniedPerSecond: null, evictedPerSecond: null }

/** Threads publish their counts four times per second; rates over this long do not show those steps. */
const WINDOW_MS = 2000

interface Count {
  readonly atMs: number
  readonly allowed: number
  readonly denied: number
  readonly evicted: number
}

/** Reads the machine's names repeatedly, and computes the rates in between. */
export class Sampler {
  readonly #read: () => MachineEntry[]
  readonly #now: () => number
  #counts = new Map<string, Count[]>()

  /**
   * @param read - reads all names of the machine
   * @param now - the time in ms
   */
  constructor(read: () => MachineEntry[] = readMachine, now: () => number = () => performance.now()) {
    this.#read = read
    this.#now = now
  }

  /** Returns the present state of all names, with their rates. */
  sample(): TopRow[] {
    const atMs = this.#now()
    const counts = new Map<string, Count[]>()
    const rows = this.#read().map((entry) => {
      if (entry.allowed === null || entry.denied === null) return { ...entry, ...UNKNOWN }
      const count: Count = { atMs, allowed: entry.allowed, denied: entry.denied, evicted: entry.evicted ?? 0 }
      // A name that was removed and made again counts from zero: earlier counts that are larger are not its own.
      const earlier = (this.#counts.get(entry.file) ?? []).filter(
        ({ allowed, denied, evicted }) =>
          allowed <= count.allowed && denied <= count.denied && evicted <= count.evicted,
      )
      while (earlier.length > 1 && atMs - (earlier[1]?.atMs ?? atMs) >= WINDOW_MS) earlier.shift()
      counts.set(entry.file, [...earlier, count])
      const first = earlier[0]
      if (first === undefined || atMs <= first.atMs) return { ...entry, ...UNKNOWN }
      const seconds = (atMs - first.atMs) / 1e3
      return {
        ...entry,
        allowedPerSecond: (count.allowed - first.allowed) / seconds,
        deniedPerSecond: (count.denied - first.denied) / seconds,
        evictedPerSecond: entry.evicted === null ? null : (count.evicted - first.evicted) / seconds,
      }
    })
    this.#counts = counts
    return rows
  }
}

/** The columns that rows can be sorted by, in the order of the key `s`. */
export const SORT_KEYS = [
  'worst',
  'name',
  'kind',
  'processes',
  'rate',
  'tokens',
  'debt',
  'waiting',
  'wait',
  'allowed',
  'denied',
] as const
export type SortKey = (typeof SORT_KEYS)[number]

/** Which rows are shown, and in which order. */
export interface Arrangement {
  readonly sort: SortKey
  readonly reverse: boolean
  /** Only names that hold this text; case does not matter. */
  readonly filter: string
}

const BADNESS = { bad: 2, tight: 1, good: 0 }

const sortValue: Record<SortKey, (row: TopRow) => number | string | null> = {
  worst: (row) => BADNESS[healthOf(row)],
  name: (row) => row.name,
  kind: (row) => row.kind,
  processes: (row) => row.processes.length,
  rate: (row) => row.requestsPerSecond,
  tokens: (row) => row.tokens,
  debt: (row) => row.debt,
  waiting: (row) => row.waiting,
  wait: (row) => row.retryAfterMs,
  allowed: (row) => row.allowedPerSecond,
  denied: (row) => row.deniedPerSecond,
}

/** Filters and sorts: words from A, numbers from the largest, or the other way round. Unknown values are always last; equal ones are sorted by name. */
export function arrange(rows: readonly TopRow[], { sort, reverse, filter }: Arrangement): TopRow[] {
  const shown = rows.filter((row) => holds(row.name ?? '', filter))
  const value = sortValue[sort]
  const direction = reverse ? -1 : 1
  return shown.sort(
    (one, other) =>
      compare(value(one), value(other), direction) || compare(one.name, other.name) || compare(one.file, other.file),
  )
}

function compare(one: number | string | null, other: number | string | null, direction = 1): number {
  if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1
  if (typeof one === 'number' && typeof other === 'number') return direction * (other - one)
  return one < other ? -direction : one > other ? direction : 0
}
