/**
 * Time as runs have it that compute at once: of three, each has a third. The loop would have had to share this thread with them, so what a run
 * takes with workers is held against what the loop takes in this time.
 */
export class Sharing {
  #runs = 0
  #ms = 0
  #atMs = performance.now()

  /** How many runs compute now. */
  get runs(): number {
    return this.#runs
  }

  /** A run's part of `ms` of this thread. */
  partOf(ms: number): number {
    return ms / Math.max(1, this.#runs)
  }

  /** Milliseconds that a run has had which has computed all the time. */
  now(): number {
    const nowMs = performance.now()
    this.#ms += this.partOf(nowMs - this.#atMs)
    this.#atMs = nowMs
    return this.#ms
  }

  /** A run begins to compute. */
  enter(): void {
    this.now()
    this.#runs++
  }

  /** A run computes no more. */
  leave(): void {
    this.now()
    this.#runs--
  }
}
