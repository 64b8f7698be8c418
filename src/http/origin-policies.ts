/** One of something for each origin, made when it is first needed; of too many the least recently used is dropped. */
export class OriginPolicies<T> {
  readonly #made = new Map<string, T>()
  readonly #make: (origin: string) => T
  readonly #most: number
  readonly #isKept: (origin: string) => boolean
  readonly #dropped: ((dropped: T) => void) | undefined

  /**
   * @param most - how many are kept
   * @param make - makes one
   * @param isKept - whether an origin must not be dropped now
   * @param dropped - told of each that is
   */
  constructor(
    most: number,
    make: (origin: string) => T,
    isKept: (origin: string) => boolean,
    dropped?: (dropped: T) => void,
  ) {
    this.#most = most
    this.#make = make
    this.#isKept = isKept
    this.#dropped = dropped
  }

  get size(): number {
    return this.#made.size
  }

  /** That of an origin. */
  of(origin: string): T {
    const known = this.#made.get(origin)
    if (known !== undefined) {
      this.#made.delete(origin)
      this.#made.set(origin, known)
      return known
    }
    if (this.#made.size >= this.#most) this.#dropOne()
    const made = this.#make(origin)
    this.#made.set(origin, made)
    return made
  }

  #dropOne(): void {
    for (const [origin, made] of this.#made) {
      if (this.#isKept(origin)) continue
      this.#made.delete(origin)
      this.#dropped?.(made)
      return
    }
  }
}
