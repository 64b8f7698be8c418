/** How busy a thread and its process were for some time. */
export interface Busy {
  /** Part of the time in which this thread has computed, 0–1. */
  readonly share: number
  /** Cores that the process has kept busy: this thread, and those that compile, collect garbage, read files … for it. */
  readonly cores: number
}

/** A thread that does nothing but run its items. */
export const COMPUTING: Busy = { share: 1, cores: 1 }

/**
 * Measures how busy this thread and its process are from its making on. Of the thread, the event loop's own account takes one that others
 * have pushed off its core for busy, and the process's account counts other threads; the smaller of both is nearer to the truth.
 */
export class Busyness {
  readonly #loop = performance.eventLoopUtilization()
  readonly #cpu = process.cpuUsage()
  readonly #startedMs = performance.now()

  read(): Busy {
    const { user, system } = process.cpuUsage(this.#cpu)
    const cores = (user + system) / 1000 / Math.max(1e-6, performance.now() - this.#startedMs)
    return { share: Math.min(1, performance.eventLoopUtilization(this.#loop).utilization, cores), cores }
  }
}
