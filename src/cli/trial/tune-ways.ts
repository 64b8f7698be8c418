import { wayText } from '../text/way-text.js'
import type { Way } from './trial.js'

/** A way to run a task that `tune` tries. */
export interface NamedWay {
  readonly name: string
  readonly way: Way
}

/** The numbers that decide which ways there are. */
export interface Situation {
  readonly items: number
  /** Largest number of worker threads. */
  readonly maxWorkers: number
  /** Whether the function returns promises; otherwise running several items at a time in one thread gains nothing. */
  readonly isAsync: boolean
  readonly mode?: 'serial' | 'async' | 'threads' | undefined
}

export const LOOP: NamedWay = { name: 'the loop', way: { mode: 'serial' } }
export const BY_ITSELF: NamedWay = { name: 'execute by itself', way: {} }

/** Largest number of items at a time that is tried in one thread. */
const MOST_AT_ONCE = 256
/** If there are at most this many workers, each number is tried; otherwise only powers of two and the maximum. */
const EACH_UP_TO = 8

/** Every way to try: the loop, the choice of `execute`, several items at a time, and numbers of workers with chunks of 1, 4, 16, … */
export function waysFor({ items, maxWorkers, isAsync, mode }: Situation): NamedWay[] {
  const isAsked = (one: string): boolean => mode === undefined || mode === one
  return [
    LOOP,
    ...(mode === undefined ? [BY_ITSELF] : []),
    ...(isAsync && isAsked('async') ? doublings(Math.min(MOST_AT_ONCE, items)).map(atOnce) : []),
    ...(isAsked('threads')
      ? workerCounts(Math.min(maxWorkers, items)).flatMap((workers) => chunked(workers, items))
      : []),
  ]
}

const atOnce = (workers: number): NamedWay => ({ name: `${workers} at once`, way: { mode: 'async', workers } })

function chunked(workers: number, items: number): NamedWay[] {
  const all = Math.ceil(items / workers)
  const sizes = [...new Set([...powersOfFour(all), all])]
  return sizes.map((chunkSize) => {
    const way = { mode: 'threads', workers, chunkSize } as const
    return { name: wayText(way), way }
  })
}

function powersOfFour(below: number): number[] {
  const found: number[] = []
  for (let size = 1; size < below; size *= 4) found.push(size)
  return found
}

/** 2, 4, 8, … up to `most`. */
function doublings(most: number): number[] {
  const found: number[] = []
  for (let count = 2; count <= most; count *= 2) found.push(count)
  return found
}

function workerCounts(most: number): number[] {
  if (most <= EACH_UP_TO) return Array.from({ length: most }, (_, i) => i + 1)
  return [...new Set([1, ...doublings(most), most])]
}

/** The options of `execute` for a way, as one would type them. */
export function optionsText(way: Way): string {
  const parts = Object.entries(way).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`,
  )
  return `{ ${parts.join(', ')} }`
}
