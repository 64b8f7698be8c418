import { LinkedList } from '../../internal/linked-list.js'
import { tokensBetween } from '../../memory/bucket/waiters.js'
import type { Axis } from '../../memory/shared/axis.js'
import { costInUnits, pow10 } from '../../memory/shared/rate.js'
import type { Caller } from './caller.js'
import { HeldRuns } from './held-runs.js'
import { GRACE_MS } from './turn.js'

/**
 * Callers in their order, and the stretches of the axis held for them. Callers take units from the front, so the covered ones, for which
 * tokens are held, come first.
 */
export class CoveredCallers extends LinkedList<Caller> {
  readonly held = new HeldRuns()
  #uncovered: Caller | null = null
  /** Units of the callers that are covered. */
  #covered = 0
  #waiting = 0
  #axis: Axis | null = null
  #unitsPerMs = 0

  /** The first caller that has no tokens. */
  get firstUncovered(): Caller | null {
    return this.#uncovered
  }

  /** Tokens that the callers without tokens need. */
  get waiting(): number {
    return this.#waiting
  }

  get unitsPerMs(): number {
    return this.#unitsPerMs
  }

  /** Units that are held but belong to no caller. */
  get surplus(): number {
    return this.held.total - this.#covered
  }

  /** Puts a caller at the end. */
  override append(caller: Caller): void {
    super.append(caller)
    this.#uncovered ??= caller
    this.#waiting += caller.tokens
  }

  /** Inserts a caller by its place in the order of arrival, behind all that are covered. */
  override insert(caller: Caller): void {
    let behind: Caller | null = null
    for (let before = this.last; before?.isCovered === false; before = before.previous) {
      if (tokensBetween(before.place, caller.place) <= 0) break
      behind = before
    }
    if (behind === null) {
      this.append(caller)
      return
    }
    super.insert(caller, behind)
    if (this.#uncovered === behind) this.#uncovered = caller
    this.#waiting += caller.tokens
  }

  /** Removes a caller. Later ones move up when `cover` is called next. */
  override remove(caller: Caller): void {
    if (this.#uncovered === caller) this.#uncovered = caller.next
    super.remove(caller)
    if (caller.isCovered) this.#covered -= caller.units
    else this.#waiting -= caller.tokens
    caller.isCovered = false
  }

  /** From now on, everything is counted on this axis. The held stretches stay where they are. */
  countOn(axis: Axis): void {
    const last = this.#axis
    this.#axis = axis
    if (last?.generation === axis.generation) return
    if (last !== null) this.held.moveTo(last, axis)
    this.#unitsPerMs = (axis.requestsPerSecond / 1000) * pow10(axis.digits)
    if (last?.digits === axis.digits) return
    this.#covered = 0
    for (let caller = this.first; caller?.isCovered === true; caller = caller.next) {
      this.#covered += this.unitsOf(caller)
    }
    this.#uncoverLast()
  }

  unitsOf(caller: Caller): number {
    const { digits } = this.#axis as Axis
    if (caller.digits !== digits) {
      caller.units = costInUnits(caller.tokens, digits)
      caller.digits = digits
    }
    return caller.units
  }

  /** How many units ago a caller's tokens may have been produced. */
  reachOf(caller: Caller): number {
    const { burst } = this.#axis as Axis
    return Math.max(burst, Math.floor(this.unitsOf(caller) + GRACE_MS * this.#unitsPerMs))
  }

  /** Moves callers whose tokens are there to `admitted`, from the first on. Drops tokens that are too old for the first. */
  takeDue(admitted: Caller[]): void {
    const { produced } = this.#axis as Axis
    for (let first = this.first; first !== null; first = this.first) {
      this.held.dropBelow(produced - this.reachOf(first))
      this.#uncoverLast()
      if (!first.isCovered || this.held.endOf(first.units) > produced) return
      this.held.use(first.units)
      this.remove(first)
      admitted.push(first)
    }
  }

  /** Gives units to callers that have none, as long as enough are held. */
  cover(): void {
    for (let next = this.#uncovered; next !== null; next = next.next) {
      if (this.surplus < this.unitsOf(next)) break
      next.isCovered = true
      this.#covered += next.units
      this.#waiting -= next.tokens
      this.#uncovered = next.next
    }
    if (this.#uncovered === null) this.#waiting = 0
  }

  /** Takes the tokens from all callers. */
  uncoverAll(): void {
    for (let caller = this.first; caller?.isCovered === true; caller = caller.next) {
      caller.isCovered = false
      this.#waiting += caller.tokens
    }
    this.#covered = 0
    this.#uncovered = this.first
    if (this.#uncovered === null) this.#waiting = 0
  }

  /** After units were dropped, takes the tokens from the last covered callers until the held ones suffice. */
  #uncoverLast(): void {
    while (this.#covered > this.held.total) {
      const last = this.#uncovered === null ? this.last : this.#uncovered.previous
      if (last?.isCovered !== true) return
      last.isCovered = false
      this.#covered -= last.units
      this.#waiting += last.tokens
      this.#uncovered = last
    }
  }
}
