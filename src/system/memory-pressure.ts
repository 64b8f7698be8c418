import { notify } from '../internal/events/listeners.js'
import {
  clockOption,
  functionOption,
  numberOption,
  type OptionTable,
  type ReadOptions,
  readOptions,
} from '../internal/options/options.js'
import { atOnce } from '../internal/options/predicate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { type Clock, MAX_TIMER_MS } from '../internal/time/clock.js'
import { type MemoryFacts, MemoryLevel } from './memory-level.js'
import { systemInfo } from './read-system.js'

/** When memory counts as short, and the functions to call then. */
export interface MemoryPressureOptions {
  /** Share of the limit above which memory is short: > 0, at most 1, default 0.9. The shortage ends 0.05 lower, or at half if higher. */
  readonly highRatio?: number | undefined
  /** Milliseconds between two looks, 50 to 2^31 − 1; default 500. A look costs about 0.2 ms. */
  readonly intervalMs?: number | undefined
  /** Called when memory has become short: refuse work, make batches smaller, drop caches. */
  readonly onHigh?: ((now: MemoryPressure) => void) | undefined
  /** Called when memory is no longer short. */
  readonly onLow?: ((now: MemoryPressure) => void) | undefined
  /** The clock, for tests; the default is the system's. */
  readonly clock?: Clock | undefined
  /** Returns the state of memory, for tests; the default reads `systemInfo().memory`. */
  readonly read?: (() => MemoryFacts) | undefined
}

/** Watches the memory of this process's container. See {@link memoryPressure}. */
export interface MemoryPressure {
  /** Whether memory was short at the last look. */
  readonly isHigh: boolean
  /**
   * Working set divided by the limit at the last look; without a limit, the share of the machine's memory that is not available. null if
   * neither is known.
   */
  readonly ratio: number | null
  /** Stops watching. Further calls do nothing. */
  close(): void
  /** The same as `close()`. */
  [Symbol.dispose](): void
}

const OPTIONS = {
  highRatio: numberOption({ min: 0, exclusiveMin: true, max: 1 }, 0.9),
  intervalMs: numberOption({ min: 50, max: MAX_TIMER_MS }, 500),
  onHigh: functionOption<(now: MemoryPressure) => void>(),
  onLow: functionOption<(now: MemoryPressure) => void>(),
  clock: clockOption,
  read: functionOption<() => MemoryFacts>(),
} satisfies OptionTable<MemoryPressureOptions>

/**
 * Watches whether the memory that this process may use runs short: its container's working set is above a share of the limit (without a
 * limit, that share of the machine's memory is in use), or the kernel has just killed one of its processes for memory. It looks at once and
 * then again and again, and keeps no process alive.
 *
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * Thread-safety: any thread may have its own; all see the same container.
 *
 * @example
 * import { memoryPressure } from 'amorsize/system'
 * const pressure = memoryPressure({
 *   highRatio: 0.85,
 *   onHigh: () => cache.clear(),
 * })
 * server.on('request', (request, response) => {
 *   if (pressure.isHigh) response.writeHead(503).end()
 * })
 */
export function memoryPressure(options: MemoryPressureOptions = {}): MemoryPressure {
  return new Watch(readOptions('memoryPressure', options, OPTIONS))
}

class Watch implements MemoryPressure {
  readonly #options: ReadOptions<typeof OPTIONS>
  readonly #level: MemoryLevel
  #timer: unknown
  #isClosed = false

  constructor(options: ReadOptions<typeof OPTIONS>) {
    this.#options = options
    this.#level = new MemoryLevel(options.highRatio)
    this.#look()
  }

  get isHigh(): boolean {
    return this.#level.isHigh
  }

  get ratio(): number | null {
    return this.#level.ratio
  }

  [INSPECT](): object {
    const { isHigh, ratio } = this
    return shownAs('MemoryPressure', { highRatio: this.#options.highRatio, isHigh, ratio })
  }

  close(): void {
    this.#isClosed = true
    this.#options.clock.clearTimeout(this.#timer)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #look(): void {
    const { intervalMs, clock, read = () => systemInfo().memory, onHigh, onLow } = this.#options
    const wasHigh = this.isHigh
    const isHigh = this.#level.look(atOnce('read', read()))
    // Set the timer first: a listener may close the watch.
    this.#timer = clock.setTimeout(() => this.#look(), intervalMs)
    if (this.#timer instanceof Object && 'unref' in this.#timer) (this.#timer as NodeJS.Timeout).unref()
    if (isHigh && !wasHigh) notify('onHigh', onHigh, this)
    else if (!isHigh && wasHigh) notify('onLow', onLow, this)
    if (this.#isClosed) clock.clearTimeout(this.#timer)
  }
}
