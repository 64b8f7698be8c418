import { notify } from '../internal/events/listeners.js'
import { checkClock, checkOptionalFunction } from '../internal/options/check-common.js'
import { checkKeys, checkNumber } from '../internal/options/validate.js'
import { type Clock, MAX_TIMER_MS, systemClock } from '../internal/time/clock.js'
import { type MemoryFacts, MemoryLevel } from './memory-level.js'
import { systemInfo } from './read-system.js'

/** When memory is short, and who hears of it. */
export interface MemoryPressureOptions {
  /** Share of the limit above which it is: above 0, at most 1, default 0.9. It is over again 0.05 below, or at half of it where that is nearer. */
  readonly highRatio?: number | undefined
  /** How often to look. ms, 50 to 2^31 − 1, default 500; a look costs about 0.1 ms. */
  readonly intervalMs?: number | undefined
  /** Called when memory has become short: refuse work, make batches smaller, drop caches. */
  readonly onHigh?: ((now: MemoryPressure) => void) | undefined
  /** Called when it is no longer. */
  readonly onLow?: ((now: MemoryPressure) => void) | undefined
  /** For tests; the default is the system's. */
  readonly clock?: Clock | undefined
  /** For tests: what memory is like. The default reads `systemInfo().memory`. */
  readonly read?: (() => MemoryFacts) | undefined
}

/** Watches the memory of this process's container. See {@link memoryPressure}. */
export interface MemoryPressure {
  /** Whether memory was short at the last look. */
  readonly isHigh: boolean
  /**
   * Working set over limit at the last look; without a limit, the share of the machine's memory that is not available. null where neither is
   * known.
   */
  readonly ratio: number | null
  /** Ends it. A second time does nothing. */
  close(): void
  /** As `close()`. */
  [Symbol.dispose](): void
}

/** The shortest time between two looks. ms */
const SHORTEST_MS = 50

/**
 * Watches whether the memory that this process may use runs short: its container's working set is above a share of the limit (without one, so
 * much of the machine's memory is in use), or the kernel has just killed one of its processes for memory. It looks at once, then again and again, and keeps no process alive.
 *
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * Thread-safety: any thread may have its own; all see the same container.
 *
 * @example
 * import { memoryPressure } from 'amorsize/system'
 * const pressure = memoryPressure({ highRatio: 0.85, onHigh: () => cache.clear() })
 * server.on('request', (request, response) => { if (pressure.isHigh) response.writeHead(503).end() })
 */
export function memoryPressure(options: MemoryPressureOptions = {}): MemoryPressure {
  checkKeys('memoryPressure', options, ['highRatio', 'intervalMs', 'onHigh', 'onLow', 'clock', 'read'])
  const { highRatio = 0.9, intervalMs = 500, clock = systemClock, read = () => systemInfo().memory } = options
  return new Watch(
    new MemoryLevel(checkNumber('highRatio', highRatio, { min: 0, exclusiveMin: true, max: 1 })),
    checkNumber('intervalMs', intervalMs, { min: SHORTEST_MS, max: MAX_TIMER_MS }),
    checkOptionalFunction('onHigh', options.onHigh),
    checkOptionalFunction('onLow', options.onLow),
    checkClock('clock', clock),
    checkOptionalFunction('read', read) as () => MemoryFacts,
  )
}

class Watch implements MemoryPressure {
  readonly #level: MemoryLevel
  readonly #intervalMs: number
  readonly #onHigh: MemoryPressureOptions['onHigh']
  readonly #onLow: MemoryPressureOptions['onLow']
  readonly #clock: Clock
  readonly #read: () => MemoryFacts
  #timer: unknown
  #isClosed = false

  constructor(
    level: MemoryLevel,
    intervalMs: number,
    onHigh: MemoryPressureOptions['onHigh'],
    onLow: MemoryPressureOptions['onLow'],
    clock: Clock,
    read: () => MemoryFacts,
  ) {
    this.#level = level
    this.#intervalMs = intervalMs
    this.#onHigh = onHigh
    this.#onLow = onLow
    this.#clock = clock
    this.#read = read
    this.#look()
  }

  get isHigh(): boolean {
    return this.#level.isHigh
  }

  get ratio(): number | null {
    return this.#level.ratio
  }

  close(): void {
    this.#isClosed = true
    this.#clock.clearTimeout(this.#timer)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #look(): void {
    const wasHigh = this.isHigh
    const isHigh = this.#level.look(this.#read())
    // First: a listener may close it.
    this.#timer = this.#clock.setTimeout(() => this.#look(), this.#intervalMs)
    if (this.#timer instanceof Object && 'unref' in this.#timer) (this.#timer as NodeJS.Timeout).unref()
    if (isHigh && !wasHigh) notify('onHigh', this.#onHigh, this)
    else if (!isHigh && wasHigh) notify('onLow', this.#onLow, this)
    if (this.#isClosed) this.#clock.clearTimeout(this.#timer)
  }
}
