const FIRST_CAPACITY = 1024

/** Where in the log the result of each finished item stands, and the digest of that item: twelve bytes for each index. */
export class FinishedItems {
  /** 0 stands for none: the log's header is there. */
  #positions = new Float64Array(FIRST_CAPACITY)
  #digests = new Uint32Array(FIRST_CAPACITY)
  /** How many there are. */
  count = 0

  add(index: number, position: number, digest: number): void {
    if (index >= this.#positions.length) this.#grow(index + 1)
    if (this.#positions[index] === 0) this.count++
    this.#positions[index] = position
    this.#digests[index] = digest
  }

  /** Where the item's record begins; undefined where there is none. */
  positionOf(index: number): number | undefined {
    const position = this.#positions[index]
    return position === 0 ? undefined : position
  }

  /** The digest of the item; undefined where it has not been finished. */
  digestOf(index: number): number | undefined {
    return this.positionOf(index) === undefined ? undefined : this.#digests[index]
  }

  #grow(length: number): void {
    const capacity = Math.max(length, 2 * this.#positions.length)
    const positions = new Float64Array(capacity)
    positions.set(this.#positions)
    this.#positions = positions
    const digests = new Uint32Array(capacity)
    digests.set(this.#digests)
    this.#digests = digests
  }
}
