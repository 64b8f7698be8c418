/**
 * Which part of the time since its making this thread has computed. The event loop's own account takes a thread that others have
 * pushed off its core for busy, the process's account counts other threads; the smaller of both is nearer to the truth.
 */
export class Busyness {
  readonly #loop = performance.eventLoopUtilization()
  readonly #cpu = process.cpuUsage()
  readonly #startedMs = performance.now()

  /** 0–1. */
  share(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    const ofProcess = (user + system) / 1000 / Math.max(1e-6, performance.now() - this.#startedMs)
    return Math.min(1, performance.eventLoopUtilization(this.#loop).utilization, ofProcess)
  }
}
