import { credit, SHORT_MS } from './credit.js'
import { LEAST_WORTH_MS, SLICE_MS } from './pace.js'
import type { Measured } from './profile.js'
import { wakeUp } from './wake-up.js'

/** What is remembered of one task, by the shape of its items. */
class OfTask extends Map<string, Measured> {
  /** What an item has taken of late, in ms, whatever its shape. */
  latestItemMs = 0
  /** Whether the last run for which it could be decided beforehand had workers. */
  hadWorkers = false
  /** Short runs to come that need not be judged, since the last one that was stayed in the loop. */
  quietRuns = 0
  /** Items in flight that were found best; undefined while none were. */
  concurrency: number | undefined = undefined
}

/** Judging costs a short run some percent of its time. */
const QUIET_RUNS = 8

/** Tasks named by URL and export that are remembered at most; functions are forgotten with their garbage collection. */
const MOST_NAMED = 1000

const ofFunctions = new WeakMap<object, OfTask>()
const ofNames = new Map<string, OfTask>()

/** What earlier runs in this process have measured of `task` on items shaped like `item`. */
export function recall(task: object | string, item: unknown): Measured | undefined {
  return find(task)?.get(shapeOf(item))
}

/** What an item of `task` has taken of late, in ms; 0 where nothing is known. Cheaper than {@link recall}. */
export function latestItemMs(task: object | string): number {
  return find(task)?.latestItemMs ?? 0
}

/** Whether the last run of `task` that was decided on before it began had workers. The next is likely to, too. */
export function hadWorkers(task: object | string): boolean {
  return find(task)?.hadWorkers ?? false
}

export function noteWorkers(task: object | string, had: boolean): void {
  const ofTask = find(task)
  if (ofTask === undefined) return
  ofTask.hadWorkers = had
  ofTask.quietRuns = had ? 0 : QUIET_RUNS
}

/**
 * Where there are workers: how long a run of `task`, which begins now, stays in the loop before it is asked whether it should; 0 to ask at once.
 * A run that is not to be asked is counted here, since nobody looks at it again.
 */
export function msBeforeJudging(task: object | string, items: number): number {
  const ofTask = find(task)
  if (ofTask === undefined) return LEAST_WORTH_MS
  const ms = ofTask.latestItemMs * items
  if (ms <= LEAST_WORTH_MS) return LEAST_WORTH_MS
  if (ofTask.quietRuns === 0 || ms > SHORT_MS) return 0
  ofTask.quietRuns--
  credit.earn(ms)
  wakeUp.ran(performance.now())
  return SLICE_MS
}

/** Items shaped like `item`, if anything is known of such, take `itemMs` by now: the engine may have compiled the task since. */
export function correct(task: object | string, item: unknown, itemMs: number): void {
  const ofTask = find(task)
  if (ofTask === undefined) return
  const shape = shapeOf(item)
  const known = ofTask.get(shape)
  if (known !== undefined) ofTask.set(shape, { ...known, itemMs: smoothed(known.itemMs, itemMs) })
  ofTask.latestItemMs = smoothed(ofTask.latestItemMs, itemMs)
}

/** What disturbs a run makes it longer, never shorter: the less is believed at once. */
function smoothed(knownMs: number, itemMs: number): number {
  return itemMs < knownMs ? itemMs : (knownMs + itemMs) / 2
}

function find(task: object | string): OfTask | undefined {
  return typeof task === 'string' ? ofNames.get(task) : ofFunctions.get(task)
}

/** How many items in flight an earlier run of `task` has found best. */
export function concurrencyOf(task: object | string): number | undefined {
  return find(task)?.concurrency
}

/** @param concurrency - what a run has found best; undefined where it was too short for that */
export function rememberConcurrency(task: object | string, concurrency: number | undefined): void {
  if (concurrency !== undefined) findOrMake(task).concurrency = concurrency
}

/** Remembers what was measured. */
export function remember(task: object | string, item: unknown, measured: Measured): void {
  const ofTask = findOrMake(task)
  ofTask.set(shapeOf(item), measured)
  ofTask.latestItemMs = measured.itemMs
}

function findOrMake(task: object | string): OfTask {
  let ofTask = find(task)
  if (ofTask === undefined) {
    ofTask = new OfTask()
    if (typeof task === 'string') {
      const [oldest] = ofNames.keys()
      if (ofNames.size >= MOST_NAMED && oldest !== undefined) ofNames.delete(oldest)
      ofNames.set(task, ofTask)
    } else {
      ofFunctions.set(task, ofTask)
    }
  }
  return ofTask
}

/** Items of one shape are taken to cost alike: the type, the class, and the size to a factor of four. */
export function shapeOf(item: unknown): string {
  try {
    return readShape(item)
  } catch {
    // A getter or a proxy that throws is the task's affair.
    return 'unreadable'
  }
}

function readShape(item: unknown): string {
  switch (typeof item) {
    case 'string':
      return `string ${magnitude(item.length)}`
    case 'object': {
      if (item === null) return 'null'
      if (Array.isArray(item)) return `array ${magnitude(item.length)}`
      if (ArrayBuffer.isView(item)) return `bytes ${magnitude(item.byteLength)}`
      const name: unknown = (item as { constructor?: { name?: unknown } }).constructor?.name
      return `object ${String(name)}`
    }
    default:
      return typeof item
  }
}

function magnitude(size: number): number {
  return size < 1 ? 0 : Math.round(Math.log2(size) / 2)
}
