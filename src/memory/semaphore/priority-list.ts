import { type Linked, LinkedList } from '../../internal/linked-list.js'

/** A member of a {@link PriorityList}. */
export interface Prioritized<T> extends Linked<T> {
  /** An integer from 0 to 9. */
  readonly priority: number
}

/** Highest priority first; within a priority, first in, first out. No operation takes more steps than there are priorities. */
export class PriorityList<T extends Prioritized<T>> extends LinkedList<T> {
  /** The first member of each priority: a new member goes before the first one of the next lower priority. */
  readonly #firstOf: (T | null)[] = []

  override append(member: T): void {
    const { priority } = member
    let behind: T | null = null
    for (let lower = priority - 1; lower >= 0 && behind === null; lower--) behind = this.#firstOf[lower] ?? null
    if (behind === null) super.append(member)
    else this.insert(member, behind)
    this.#firstOf[priority] ??= member
  }

  override remove(member: T): void {
    const { priority, next } = member
    if (this.#firstOf[priority] === member) this.#firstOf[priority] = next?.priority === priority ? next : null
    super.remove(member)
  }
}
