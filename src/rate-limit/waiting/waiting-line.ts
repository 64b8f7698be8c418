import type { LinkedList } from '../../internal/linked-list.js'
import { NO_OTHERS, type OtherWaiters, tokensBetween, type WaitingBucket } from '../../memory/bucket/waiters.js'
import { type Axis, FARTHEST } from '../../memory/shared/axis.js'
import { costInUnits, pow10 } from '../../memory/shared/rate.js'
import type { Caller } from './caller.js'
import { CoveredCallers } from './covered-callers.js'
import { HORIZON_MS, WATCH_MS, overtakesMs, roomMs } from './turn.js'

/**
 * Tokens of a caller that needs several reservations must stay good until this long after the last of them is due. As much time may pass
 * between a survey of the bucket and a reservation in it.
 */
const SLACK_MS = 1
/** The line does not look again sooner than this: nothing can have changed. */
const SHORTEST_LOOK_MS = 0.5
/** How often a line reserves in one look, if other threads are faster. */
const MOST_TRIES = 8

/**
 * The callers of one thread that wait for one bucket, first come, first served whatever they cost. Only callers that are about to be served
 * have tokens: the line holds stretches of the axis, and callers take units from the front. The rows of other threads' lines show whose
 * turn it is. Tokens are used neither before they are produced nor long after, so nobody who is late exceeds the bound.
 *
 * docs/how-it-works.md says why.
 */
export class WaitingLine {
  readonly #bucket: WaitingBucket
  readonly #isWatched: boolean
  readonly #callers = new CoveredCallers()
  /** All callers, for reading only. */
  readonly list: LinkedList<Caller> = this.#callers
  /** `spent` of the axis, including what this look has changed. */
  #spent = 0
  #hasRows = false
  /** How many callers have arrived, if no other line shares the bucket. */
  #arrivals = 0

  /** @param isWatched - whether others may change the parameters without notice; they give up without notice anyway */
  constructor(bucket: WaitingBucket, isWatched: boolean) {
    this.#bucket = bucket
    this.#isWatched = isWatched
  }

  get size(): number {
    return this.list.size
  }

  get first(): Caller | null {
    return this.list.first
  }

  /**
   * Puts a caller at the end of the line or, if it already has a place in the order of arrival, at that place.
   *
   * @returns whether to look now, because the caller is the first without tokens
   */
  enter(caller: Caller): boolean {
    if (caller.place < 0) {
      caller.place = this.arrive(caller.tokens)
      this.#callers.append(caller)
    } else {
      this.#callers.insert(caller)
    }
    return this.#callers.firstUncovered === caller
  }

  /** The next place in the order of arrival, across all threads if several share the bucket. */
  arrive(tokens: number): number {
    const shared = this.#bucket.arrive?.(tokens) ?? -1
    this.#hasRows ||= shared >= 0
    return shared >= 0 ? shared : this.#arrivals++
  }

  /** Removes a caller that gives up. Later ones move up at the next look. */
  leave(caller: Caller): void {
    this.#callers.remove(caller)
  }

  /**
   * Admits the callers whose turn has come, and reserves for those who come next.
   *
   * @returns milliseconds until the next look; Infinity when nobody waits
   */
  look(): number {
    if (this.#hasRows) this.#bucket.beginLook?.()
    const admitted: Caller[] = []
    let axis = this.#survey()
    for (let tries = 1; axis.pausedMs === 0; tries++) {
      this.#callers.takeDue(admitted)
      this.#returnSurplus(axis)
      this.#callers.cover()
      this.#callers.takeDue(admitted)
      if (this.#reserve(axis, admitted) || tries === MOST_TRIES) break
      axis = this.#survey()
    }
    const nextMs = this.#callers.size === 0 ? this.#rest(axis) : this.#tell(axis, this.#nextLookMs(axis))
    for (const caller of admitted) caller.admitted()
    return nextMs
  }

  /** Gives back tokens after which nobody has reserved: the bucket is about to change, and the next look starts afresh. */
  giveBack(): void {
    const axis = this.#survey()
    this.#callers.uncoverAll()
    this.#returnSurplus(axis)
  }

  /** Like `giveBack`, but also drops the tokens that cannot be given back. */
  letGo(): void {
    this.giveBack()
    this.#callers.held.clear()
  }

  /**
   * Takes over reserved tokens that are not needed, and cannot be given back because others have reserved after them. Callers of this line
   * move up by as many at the next look.
   *
   * @param endOn - returns where they end on an axis; null if that is not known
   * @returns how many were taken over; 0 if nobody waits who could have them
   */
  adopt(endOn: (axis: Axis) => number | null, tokens: number): number {
    if (this.#callers.size === 0) return 0
    const axis = this.#survey()
    const to = endOn(axis)
    if (to === null) return 0
    const from = Math.max(to - Math.min(costInUnits(tokens, axis.digits), axis.burst), axis.produced - axis.burst)
    if (from >= to) return 0
    this.#callers.held.insert(from, to)
    return (to - from) / pow10(axis.digits)
  }

  /** How long a newcomer would wait for `tokens`, ms: for the debt, and for the callers before it. */
  estimateMs(tokens: number): number {
    const axis = this.#bucket.survey()
    const { waiting } = this.#others(0)
    const ahead = costInUnits(tokens + waiting + Math.max(0, this.#callers.waiting), axis.digits)
    const place = Math.max(axis.spent, axis.produced - axis.burst) + ahead
    return place > FARTHEST ? Infinity : (this.#bucket.msUntil(axis, place) ?? this.estimateMs(tokens))
  }

  /** Tokens that callers here and elsewhere have reserved beyond now. */
  owed(): number {
    const axis = this.#survey()
    return (this.#callers.held.beyond(axis.produced) + this.#others(0).heldUnits) / pow10(axis.digits)
  }

  /** Available tokens, including those that waiting callers hold until they have all of theirs. */
  spare(): number {
    const { produced, spent, burst, digits } = this.#survey()
    const held = this.#callers.held.total + this.#others(0).heldUnits
    return Math.max(0, Math.min(produced - spent + held, burst)) / pow10(digits)
  }

  #survey(): Axis {
    const axis = this.#bucket.survey()
    this.#spent = axis.spent
    this.#callers.countOn(axis)
    return axis
  }

  /** Gives back units that belong to no caller, from the end. If others have reserved after them, they stay for later callers. */
  #returnSurplus(axis: Axis): void {
    const { held } = this.#callers
    for (;;) {
      const { surplus } = this.#callers
      const { last } = held
      if (surplus <= 0 || last === undefined || last.to !== this.#spent) break
      const units = Math.min(surplus, last.to - last.from)
      if (!this.#bucket.returnRun(axis, last.to, units)) break
      held.shorten(units)
      this.#spent -= units
    }
    if (held.total === 0) this.#bucket.rest?.(axis)
  }

  /** Reserves for the callers whose turn comes within the horizon. Returns false if others were faster. */
  #reserve(axis: Axis, admitted: Caller[]): boolean {
    const callers = this.#callers
    const first = callers.firstUncovered
    if (first === null) return true
    const others = this.#othersOf(first)
    const reach = callers.reachOf(first)
    const start = Math.max(this.#spent, axis.produced - reach)
    const horizon = HORIZON_MS * callers.unitsPerMs
    let { surplus } = callers
    let units = 0
    let limit = Infinity
    for (let caller: Caller | null = first; caller !== null; caller = caller.next) {
      // A caller that has some of its tokens gets the others before these are too old.
      const room = surplus > 0 ? horizon : this.#roomMs(caller, first, others, axis) * callers.unitsPerMs
      const most = Math.floor(axis.produced + room) - units
      if (start > most) break
      if (caller === first && callers.first === first) surplus = this.#keepGood(first, start, reach, axis)
      limit = Math.min(limit, most)
      units += Math.max(0, callers.unitsOf(caller) - surplus)
      surplus = 0
    }
    if (units === 0) return true
    // If the line is behind, `start` advances with time, which must not be mistaken for faster threads: if the last caller's room ended
    // exactly there, nobody would ever be served.
    if (start > this.#spent) limit += Math.floor(SLACK_MS * callers.unitsPerMs)
    const from = this.#bucket.reserveRun(axis, units, reach, limit)
    if (from === null) return false
    this.#spent = from + units
    callers.held.add(from, this.#spent)
    callers.cover()
    callers.takeDue(admitted)
    return true
  }

  /** Drops tokens of the first caller that would be too old when its other tokens are due; returns the rest. */
  #keepGood(first: Caller, start: number, reach: number, axis: Axis): number {
    const { held, unitsPerMs } = this.#callers
    for (let surplus = held.total; ; surplus = held.total) {
      const dueAt = Math.max(start + first.units - surplus, axis.produced)
      held.dropBelow(Math.ceil(dueAt + SLACK_MS * unitsPerMs - reach))
      if (held.total === surplus) return surplus
    }
  }

  #othersOf(caller: Caller): OtherWaiters {
    return this.#hasRows ? this.#others(caller.place) : NO_OTHERS
  }

  #others(place: number): OtherWaiters {
    return this.#bucket.others?.(place) ?? NO_OTHERS
  }

  /** How many ms ahead of now a caller's tokens may begin. */
  #roomMs(caller: Caller, first: Caller, others: OtherWaiters, axis: Axis): number {
    const behind = tokensBetween(caller.place, first.place) - others.first
    return roomMs(behind, axis.requestsPerSecond, this.#callers.reachOf(caller) / this.#callers.unitsPerMs)
  }

  #nextLookMs(axis: Axis): number {
    // Another thread may end a pause.
    if (axis.pausedMs > 0) return this.#isWatched ? Math.min(axis.pausedMs, WATCH_MS) : axis.pausedMs
    let nextMs = this.#isWatched || this.#hasRows ? WATCH_MS : Infinity
    const first = this.#callers.first as Caller
    if (first.isCovered) {
      nextMs = Math.min(nextMs, this.#bucket.msUntil(axis, this.#callers.held.endOf(first.units)) ?? SHORTEST_LOOK_MS)
    }
    const uncovered = this.#callers.firstUncovered
    if (uncovered !== null) {
      const others = this.#othersOf(uncovered)
      nextMs = Math.min(nextMs, Math.max(this.#opensMs(uncovered, others, axis), SHORTEST_LOOK_MS))
      if (others.isAnyLate) this.#bucket.buryDead?.()
    }
    return nextMs
  }

  /** How long until the first caller without tokens may reserve, ms. */
  #opensMs(first: Caller, others: OtherWaiters, axis: Axis): number {
    // A caller that has some of its tokens must get the others soon, before these are too old.
    const hasPart = this.#callers.surplus > 0
    const aheadMs = hasPart ? HORIZON_MS : this.#roomMs(first, first, others, axis)
    const begins = Math.max(this.#spent, axis.produced - axis.burst)
    const room = Math.floor((aheadMs > 0 && !hasPart ? aheadMs / 2 : aheadMs) * this.#callers.unitsPerMs)
    const opensMs = this.#bucket.msUntil(axis, begins - room) ?? SHORTEST_LOOK_MS
    return aheadMs < 0 ? Math.max(opensMs, overtakesMs(-others.first, axis.requestsPerSecond)) : opensMs
  }

  #tell(axis: Axis, nextMs: number): number {
    if (!this.#hasRows) return nextMs
    const { last } = this.#callers.held
    this.#bucket.publish?.(
      axis,
      this.#callers.firstUncovered?.place ?? -1,
      this.#callers.waiting,
      nextMs,
      last?.to ?? 0,
      last === undefined ? 0 : last.to - last.from,
    )
    return nextMs
  }

  #rest(axis: Axis): number {
    this.#callers.uncoverAll()
    this.#returnSurplus(axis)
    this.#callers.held.clear()
    if (this.#hasRows) this.#bucket.leave?.()
    return Infinity
  }
}
