/** A member of a {@link LinkedList}; the list keeps the links. */
export interface Linked<T> {
  previous: T | null
  next: T | null
}

/** First in, first out, and O(1) removal from anywhere, without an allocation per member. */
export class LinkedList<T extends Linked<T>> {
  #first: T | null = null
  #last: T | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | null {
    return this.#first
  }

  get last(): T | null {
    return this.#last
  }

  append(member: T): void {
    member.previous = this.#last
    member.next = null
    if (this.#last === null) this.#first = member
    else this.#last.next = member
    this.#last = member
    this.#size++
  }

  /** Puts `member` before `behind`, which is in this list. */
  insert(member: T, behind: T): void {
    member.next = behind
    member.previous = behind.previous
    if (behind.previous === null) this.#first = member
    else behind.previous.next = member
    behind.previous = member
    this.#size++
  }

  /** Takes out `member`, which must be in this list. */
  remove(member: T): void {
    if (member.previous === null) this.#first = member.next
    else member.previous.next = member.next
    if (member.next === null) this.#last = member.previous
    else member.next.previous = member.previous
    member.previous = null
    member.next = null
    this.#size--
  }
}
