/** An entry of {@link DueHeap}, ordered by `due`, then by `order` (arrival). The heap keeps `heapIndex`. */
export interface DueEntry {
  due: number
  order: number
  /** Position in the heap, -1 while it is in none. */
  heapIndex: number
}

/**
 * A binary min-heap of things that fall due, with removal in O(log n): a cancelled wait leaves nothing behind.
 */
export class DueHeap<E extends DueEntry> {
  readonly #entries: E[] = []

  get size(): number {
    return this.#entries.length
  }

  /** The entry due first, or undefined when empty. */
  peek(): E | undefined {
    return this.#entries[0]
  }

  push(entry: E): void {
    this.#entries.push(entry)
    this.#siftUp(entry, this.#entries.length - 1)
  }

  /** Removes and returns the entry due first. */
  pop(): E | undefined {
    const first = this.#entries[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Removes `entry`; does nothing when it is not in the heap. */
  remove(entry: E): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#siftUp(last, index)
    if (last.heapIndex === index) this.#siftDown(last, index)
  }

  /** The entries, in no particular order. */
  [Symbol.iterator](): IterableIterator<E> {
    return this.#entries.values()
  }

  #siftUp(entry: E, from: number): void {
    const entries = this.#entries
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = entries[parentIndex] as E
      if (!isBefore(entry, parent)) break
      entries[index] = parent
      parent.heapIndex = index
      index = parentIndex
    }
    entries[index] = entry
    entry.heapIndex = index
  }

  #siftDown(entry: E, from: number): void {
    const entries = this.#entries
    let index = from
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= entries.length) break
      const right = entries[childIndex + 1]
      if (right !== undefined && isBefore(right, entries[childIndex] as E)) childIndex++
      const child = entries[childIndex] as E
      if (!isBefore(child, entry)) break
      entries[index] = child
      child.heapIndex = index
      index = childIndex
    }
    entries[index] = entry
    entry.heapIndex = index
  }
}

function isBefore(a: DueEntry, b: DueEntry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
