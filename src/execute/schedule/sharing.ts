/**
 * Time as runs have it that compute at once: of three, each has a third. The loop would have had to share this thread with them, so what a run
 * takes with workers is held against what the loop takes in this time.
 */
export class Sharing {
  #runs = 0
  #ms = 0
  #atMs = performance.now()

  /** Milliseconds that a run has had which has computed all the time, until `nowMs`. */
  now(nowMs = performance.now()): number {
    this.#ms += (nowMs - this.#atMs) / Math.max(1, this.#runs)
    this.#atMs = nowMs
    return this.#ms
  }

  /** A run begins to compute: in this thread or in workers, or it would if it had one. */
  enter(): void {
    this.now()
    this.#runs++
  }

  /** A run computes no more, or has to wait for items, or for a reader of their results. */
  leave(): void {
    this.now()
    this.#runs--
  }
}

/** A run's share: it computes while anybody does for it. */
export class Share {
  readonly #sharing: Sharing
  readonly #computing = new Set<object>()

  constructor(sharing: Sharing) {
    this.#sharing = sharing
  }

  /** Whether `who`, a lane or the workers, computes for the run. @returns whether that is new */
  computes(who: object, doesSo: boolean): boolean {
    const before = this.#computing.size
    if (doesSo) this.#computing.add(who)
    else this.#computing.delete(who)
    const now = this.#computing.size
    if (before === 0 && now > 0) this.#sharing.enter()
    if (before > 0 && now === 0) this.#sharing.leave()
    return now !== before
  }
}
