import type { Pace } from './pace.js'
import type { Measured } from './sample.js'

/** Tasks named by URL and export that are remembered at most; functions are forgotten with their garbage collection. */
const MOST_NAMED = 1000
/** Workers that gain less than this have lost: they keep the cores from everyone else. */
export const LOSS = 0.95
/** More than all cores together cannot be gained: then the idea of what the loop takes is an old one. */
const IMPOSSIBLE = 1.1
/** The first run of the loop is also that of the engine's compiler. So many show what it takes; … */
const LOOP_RUNS = 2
/** … and the loop is looked at after so many runs with workers, which this thread may have had no part in. */
const RUNS_WITH_WORKERS = 2
/** So many items of this thread show what the loop takes, too, though they ran beside those of workers. */
const ENOUGH_HERE = 16
/** Most runs that stay in the loop between two trials. */
const MOST_SKIPPED = 64
/** A loss says nothing of runs that are so many times as long: what has cost the time is little for them. */
const ALIKE = 4

/** Whether what this thread has run beside workers shows what the loop takes: enough, and, unless each thread claims in turn, of items that are alike. */
export function showsLoop({ items }: Pace, { isAsync, isShared }: Measured, isMixed: boolean): boolean {
  return items >= ENOUGH_HERE && !isAsync && (isShared || !isMixed)
}

/** What is known of a task on items of one shape: what they take, and what workers have won or lost. */
export class TaskRecord {
  /** As it was measured last; undefined until it was. */
  measured: Measured | undefined = undefined
  /** What an item takes in the loop, by runs that stayed there and by what this thread has run beside workers; undefined until there was one. */
  loopItemMs: number | undefined = undefined
  /** Whether some items would keep this thread from its workers. */
  isUneven = false
  /** Whether items differ so much that a few do not show what the others take. */
  isMixed = false
  /** Whether workers have run the task before. */
  isWarm = false
  /** Loop over workers by the last runs that had some; undefined until one had, or where they are to be tried again. */
  gain: number | undefined = undefined
  /** How long the loop takes for such a run. */
  #gainOfMs = 0
  /** Runs to come that stay in the loop, and how many did after the last loss. */
  #toSkip = 0
  #skipped = 0
  /** Runs in which the loop has shown what it takes, and runs with workers since the last of them. */
  #loopRuns = 0
  #workerRuns = 0
  /** Whether it is time to see what the loop takes now. */
  #isLoopDue = false
  /** Time of the loop in runs that workers would have shortened, had they been there. */
  #missedMs = 0

  /** What a run has shown, kept. What a thread pays that has not run the task yet only the first run can show: later it is warm here. */
  remember(measured: Measured): Measured {
    const isFirst = this.#loopRuns === 0 && !this.isWarm
    const coldMs = isFirst ? measured.coldMs : (this.measured?.coldMs ?? 0)
    const leastMs = measured.leastMs > 0 ? measured.leastMs : (this.measured?.leastMs ?? 0)
    return (this.measured = { ...measured, coldMs, leastMs })
  }

  /**
   * A run with workers has shown what an item takes at least: in this thread, which is left out of the next run if that is long, and, so that it
   * is not left out for ever, on the mean in theirs.
   *
   * @param leastMs - 0 where this thread has run too few to tell
   */
  sawLeast(leastMs: number, ofWorkers: Pace): void {
    const { measured } = this
    if (measured === undefined) return
    const known = leastMs > 0 ? leastMs : measured.leastMs
    this.measured = { ...measured, leastMs: ofWorkers.items > 0 ? Math.min(known, ofWorkers.itemMs) : known }
  }

  /**
   * What an item takes in the loop.
   *
   * @param pace - what this thread has run in a run with workers; of mixed items others may have had the long ones, unless each thread claims
   * them in turn
   * @param measured - what that run was decided by
   */
  loopItemOf(pace: Pace, measured: Measured): number {
    const known = this.loopItemMs ?? measured.itemMs
    if (!showsLoop(pace, measured, this.isMixed)) return known
    this.#sawLoop(Math.min(known, pace.itemMs))
    return this.loopItemMs ?? known
  }

  /**
   * A run has stayed in the loop, or its beginning has: `itemMs` an item. What disturbs a run makes it longer, never shorter: the less is believed
   * at once.
   */
  stayedInLoop(itemMs: number): void {
    const { loopItemMs: known } = this
    this.#sawLoop(known === undefined || itemMs < known ? itemMs : (known + itemMs) / 2)
    if (this.#toSkip > 0 && --this.#toSkip === 0) this.gain = undefined
  }

  #sawLoop(itemMs: number): void {
    this.loopItemMs = itemMs
    if (this.measured !== undefined) this.measured = { ...this.measured, itemMs }
    this.#loopRuns++
    this.#workerRuns = 0
    this.#isLoopDue = false
  }

  /** Whether the next run is to show by its beginning what the loop takes. Of mixed items only a whole run does. */
  get wantsSample(): boolean {
    return this.#isLoopDue && !this.isMixed
  }

  /** Workers have run, `gain` times as fast as the loop, what that takes `loopMs` for, on so many cores. */
  hadWorkers(gain: number, loopMs: number, cores: number): void {
    this.isWarm = true
    this.#workerRuns++
    this.#gainOfMs = loopMs
    if (gain < LOSS) {
      this.#blend(gain)
      this.#toSkip = this.#skipped = Math.min(MOST_SKIPPED, Math.max(1, 2 * this.#skipped))
      return
    }
    const isPossible = gain <= IMPOSSIBLE * cores
    if (isPossible) this.#skipped = 0
    else this.loopItemMs = undefined
    this.#blend(isPossible ? gain : undefined)
    this.#isLoopDue = !isPossible || (this.#loopRuns < LOOP_RUNS && this.#workerRuns >= RUNS_WITH_WORKERS)
    this.#toSkip = this.#isLoopDue && this.isMixed ? 1 : 0
  }

  #blend(gain: number | undefined): void {
    this.gain = gain === undefined || this.gain === undefined ? gain : (this.gain + gain) / 2
  }

  /** Whether a run that takes the loop `loopMs` stays there, because workers have lost in one like it. */
  staysInLoop(loopMs: number): boolean {
    return this.#toSkip > 0 && loopMs <= ALIKE * this.#gainOfMs
  }

  /** What runs like one of `loopMs` have gained by workers, if that is known. */
  gainAt(loopMs: number): number | undefined {
    return loopMs <= ALIKE * this.#gainOfMs && this.#gainOfMs <= ALIKE * loopMs ? this.gain : undefined
  }

  /**
   * A run of `ms` has missed workers. Whoever rents the same thing again and again should buy it once the rent has come to the price.
   *
   * @returns whether it has come to `priceMs`; counting then starts anew
   */
  missed(ms: number, priceMs: number): boolean {
    this.#missedMs += ms
    if (this.#missedMs < priceMs) return false
    this.#missedMs = 0
    return true
  }
}

/** What is known of one task: by the shape of its items, and what is the same for all. */
class OfTask extends Map<string, TaskRecord> {
  /** Items in flight that were found best; undefined while none were. */
  inFlight: number | undefined = undefined
}

/** What the runs of a process have taught of their tasks. */
export class Tasks {
  readonly #ofFunctions = new WeakMap<object, OfTask>()
  readonly #ofNames = new Map<string, OfTask>()

  /** What is known of `task` on items like `item`. */
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

  /** How many items in flight an earlier run of `task` has found best. */
  inFlightOf(task: object | string): number | undefined {
    return this.#find(task)?.inFlight
  }

  /** A run has found that so many items in flight are best. */
  foundInFlight(task: object | string, count: number): void {
    ;(this.#find(task) ?? this.#add(task)).inFlight = count
  }

  #find(task: object | string): OfTask | undefined {
    return typeof task === 'string' ? this.#ofNames.get(task) : this.#ofFunctions.get(task)
  }

  #add(task: object | string): OfTask {
    const ofTask = new OfTask()
    if (typeof task !== 'string') {
      this.#ofFunctions.set(task, ofTask)
      return ofTask
    }
    const [oldest] = this.#ofNames.keys()
    if (this.#ofNames.size >= MOST_NAMED && oldest !== undefined) this.#ofNames.delete(oldest)
    this.#ofNames.set(task, ofTask)
    return ofTask
  }
}

/** Items of one shape are taken to cost alike: the type, the class, and the size to a factor of four. */
function shapeOf(item: unknown): string {
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
