import { builtins } from '../../internal/builtins.js'

/** How busy a thread and its process were over some time. */
export interface Busy {
  /** The part of the time in which this thread computed, 0–1. */
  readonly share: number
  /** Cores that the process kept busy: this thread, and those that compile, collect garbage or read files for it. */
  readonly cores: number
}

/** A thread that does nothing but run its items. */
export const COMPUTING: Busy = { share: 1, cores: 1 }

/**
 * Measures how busy this thread and its process are from its construction on. The utilization of the event loop counts time in which other
 * programs had the core; the processor time of the process counts other threads. So the smaller of the two is taken for the thread.
 */
export class Busyness {
  /** Node's own: a test framework's fake timers put an object in its place that knows the time alone. */
  readonly #node = builtins.perfHooks.performance
  readonly #loop = this.#node.eventLoopUtilization()
  readonly #cpu = process.cpuUsage()
  readonly #startedMs = this.#node.now()

  read(): Busy {
    const { user, system } = process.cpuUsage(this.#cpu)
    const cores = (user + system) / 1000 / Math.max(1e-6, this.#node.now() - this.#startedMs)
    return { share: Math.min(1, this.#node.eventLoopUtilization(this.#loop).utilization, cores), cores }
  }
}
