import { BoundedMap } from '../../internal/bounded-map.js'
import { MARGIN } from './cost-model.js'
import type { Measured } from './sample.js'
import { FEW, isMixed, type MeanTiming, type Search, type Timing } from './timing.js'

/** At most this many tasks are remembered by URL and export. Functions are forgotten when they are collected as garbage. */
const MOST_NAMED = 1000
/** Workers that make a run less than this many times as fast as the loop have lost. */
export const LOSS = 0.95
/** This many items of this thread show how long the loop takes, even while workers run. */
const ENOUGH_HERE = 16
/** At most this many runs stay in the loop between two trials of workers. */
const MOST_SKIPPED = 64
/** A loss says nothing about runs this many times as long: what workers cost is little for them. */
const ALIKE = 4

/**
 * Whether the items that this thread has run beside workers show what the loop takes. There must be enough of them, and they must be alike.
 */
export function showsLoop(timing: Timing, { isAsync }: Measured): boolean {
  return timing.items >= ENOUGH_HERE && !isAsync && !isMixed(timing)
}

/** Lessons of earlier runs of a task on items of one shape: the time of an item, and the gain or loss by workers. */
export class TaskRecord {
  /** The latest measurement; undefined before the first. */
  measured: Measured | undefined = undefined
  /** Whether some items take so long that this thread, busy with one, would keep its workers waiting; see `isUneven`. */
  isUneven = false
  /** Why workers cannot send what it gives; undefined if they can. */
  #unfit: string | undefined = undefined
  /** Whether workers have run the task before. */
  isWarm = false
  /** How many times as fast as the loop runs with workers were; undefined before the first, or if they should be tried again. */
  gain: number | undefined = undefined
  /** Time that the loop would have taken for the run that the gain comes from. */
  #gainOfMs = 0
  /** How many of the next runs stay in the loop, and how many did after the loss before. */
  #toSkip = 0
  #skipped = 0
  /** Whether a run has gone without workers: this thread has the task compiled. */
  #isCompiled = false
  /** Items of runs of a few, and the least that one has taken. */
  #few = 0
  #fewLeastMs = Infinity
  /** Time that the loop has spent in runs without workers since some were last started for it. */
  missedMs = 0

  foundUnfit(reason: string): void {
    this.#unfit = reason
    this.#revise({ obstacle: reason })
  }

  /**
   * Keeps what a run, or its beginning, has shown. Only the first run shows what a task costs a new thread: after that this thread has it
   * compiled.
   */
  remember(measured: Measured): Measured {
    const known = this.measured
    const isFirst = !this.#isCompiled && !this.isWarm
    const coldMs = isFirst ? measured.coldMs : (known?.coldMs ?? 0)
    const leastMs = measured.leastMs > 0 ? measured.leastMs : (known?.leastMs ?? 0)
    const obstacle = measured.obstacle ?? this.#unfit
    return (this.measured = { ...measured, coldMs, leastMs, obstacle })
  }

  #revise(change: Partial<Measured>): void {
    if (this.measured !== undefined) this.measured = { ...this.measured, ...change }
  }

  /**
   * A run had no workers. Once they could have saved the start of one and what the task seems to cost a new thread, they
   * are to be tried: perhaps the first items of the first run were only longer than others. A second thread saves half of a run.
   */
  missed(ms: number, spawnMs: number): void {
    this.missedMs += ms
    const { measured } = this
    if (measured !== undefined && this.missedMs > 2 * (spawnMs + measured.coldMs)) this.#revise({ coldMs: 0 })
  }

  /**
   * A run with workers has shown the least that an item takes. This thread takes no part in the next run if that is long. The mean of the
   * workers counts too, so that this thread is not left out for ever.
   *
   * @param leastMs - the least in this thread; 0 if it has run too few items to tell
   */
  sawLeast(leastMs: number, ofWorkers: MeanTiming): void {
    const known = leastMs > 0 ? leastMs : (this.measured?.leastMs ?? 0)
    this.#revise({ leastMs: ofWorkers.items > 0 ? Math.min(known, ofWorkers.itemMs) : known })
  }

  /** A run of a few items has shown the least of them: several such runs show what an item takes at least. */
  sawFew({ items, leastSeenMs }: Pick<Timing, 'items' | 'leastSeenMs'>): void {
    this.#few += items
    this.#fewLeastMs = Math.min(leastSeenMs, this.#fewLeastMs)
    if (this.#few < FEW) return
    this.#revise({ leastMs: this.#fewLeastMs })
    this.#few = 0
    this.#fewLeastMs = Infinity
  }

  /**
   * Time of an item in the loop, after a run with workers.
   *
   * @param timing - of this thread in that run; believed only if `showsLoop`
   * @param measured - the measurements by which that run was decided
   */
  loopItemOf(timing: Timing, measured: Measured): number {
    const known = this.measured?.itemMs ?? measured.itemMs
    if (!showsLoop(timing, measured)) return known
    const itemMs = Math.min(known, timing.itemMs)
    this.#revise({ itemMs })
    return itemMs
  }

  /**
   * A run has stayed in the loop and taken `itemMs` per item. Disturbances only make a run longer, so a shorter time is believed at once, a
   * longer one by half.
   */
  stayedInLoop(itemMs: number): void {
    const known = this.measured?.itemMs ?? itemMs
    this.#revise({ itemMs: Math.min(itemMs, (known + itemMs) / 2) })
    this.#isCompiled = true
    if (this.#toSkip > 0 && --this.#toSkip === 0) this.gain = undefined
  }

  /**
   * A run with workers was `gain` times as fast as the loop, which would have taken `loopMs`. The first that loses does not count: the engines of
   * its workers had yet to load and compile the task.
   *
   * @param blocks - whether items would keep the event loop waiting: then workers need not be faster
   */
  hadWorkers(gain: number, loopMs: number, blocks: boolean): void {
    const isFirst = !this.isWarm
    this.isWarm = true
    this.#gainOfMs = loopMs
    this.gain = this.gain === undefined ? gain : (this.gain + gain) / 2
    // A gain for which the loop is chosen would stand for ever: it counts as a loss, so that workers are tried again.
    const isLost = gain < LOSS || (!blocks && this.gain * MARGIN <= 1)
    if (!isLost) this.#skipped = 0
    else if (isFirst) this.gain = undefined
    else this.#skipped = Math.min(MOST_SKIPPED, Math.max(1, 2 * this.#skipped))
    this.#toSkip = this.#skipped
  }

  /** Whether a run of `loopMs` stays in the loop, because workers have lost in one like it. */
  staysInLoop(loopMs: number): boolean {
    return this.#toSkip > 0 && loopMs <= ALIKE * this.#gainOfMs
  }

  /** How many times as fast workers have made runs about as long as `loopMs`; undefined if that is not known. */
  gainAt(loopMs: number): number | undefined {
    return loopMs <= ALIKE * this.#gainOfMs && this.#gainOfMs <= ALIKE * loopMs ? this.gain : undefined
  }
}

/** The knowledge about one task: a record for each shape of items, and what is the same for all. */
class OfTask extends Map<string, TaskRecord> {
  waiting: OfWaiting = {}
}

/** Findings of runs about items that wait; undefined before. */
export interface OfWaiting {
  /** How far the search for the best number in flight in this thread has come. */
  readonly inFlight?: Search | undefined
  /** How many items keep a thread busy with what they compute, `SLACK` included. */
  readonly overlap?: number | undefined
}

/** Lessons of the runs of a thread about their tasks. */
export class Tasks {
  readonly #ofFunctions = new WeakMap<object, OfTask>()
  readonly #ofNames = new BoundedMap<string, OfTask>(MOST_NAMED)

  find(task: object | string, item: unknown): TaskRecord | undefined {
    return this.#find(task)?.get(shapeOf(item))
  }

  /** The same, made if nothing is. */
  of(task: object | string, item: unknown): TaskRecord {
    const ofTask = this.#find(task) ?? this.#add(task)
    const shape = shapeOf(item)
    let record = ofTask.get(shape)
    if (record === undefined) ofTask.set(shape, (record = new TaskRecord()))
    return record
  }

  /** Findings of earlier runs of `task` about items that wait. */
  waitingOf(task: object | string): OfWaiting {
    return this.#find(task)?.waiting ?? {}
  }

  /** Keeps what a run has found; for the rest, what was found before still holds. */
  foundWaiting(task: object | string, { inFlight, overlap }: OfWaiting): void {
    if (inFlight === undefined && overlap === undefined) return
    const known = this.#find(task) ?? this.#add(task)
    known.waiting = { inFlight: inFlight ?? known.waiting.inFlight, overlap: overlap ?? known.waiting.overlap }
  }

  #find(task: object | string): OfTask | undefined {
    return typeof task === 'string' ? this.#ofNames.get(task) : this.#ofFunctions.get(task)
  }

  #add(task: object | string): OfTask {
    const ofTask = new OfTask()
    if (typeof task === 'string') this.#ofNames.set(task, ofTask)
    else this.#ofFunctions.set(task, ofTask)
    return ofTask
  }
}

/** Items of the same type, class and size (to a factor of four) are taken to cost the same. */
function shapeOf(item: unknown): string {
  try {
    return readShape(item)
  } catch {
    // A getter or a proxy that throws: the task will meet it.
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
