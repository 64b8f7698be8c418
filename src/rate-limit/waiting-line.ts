import { LinkedList } from '../internal/linked-list.js'
import { costInUnits, pow10 } from '../internal/rate.js'
import type { Axis } from '../memory/shared/axis.js'
import type { WaitingBucket } from '../memory/bucket/bucket.js'
import { NO_OTHERS, type OtherWaiters, tokensBetween } from '../memory/bucket/waiter-rows.js'
import type { Caller } from './caller.js'
import { HeldRuns } from './held-runs.js'

/**
 * How far ahead of now tokens are reserved, ms: over the lateness of a punctual timer, so that the bucket stays in debt while anybody
 * waits and nobody who only tries is served before; not more, for what is given up near the front is lost to other threads.
 */
const HORIZON_MS = 5
/** How late a healthy loop may be without losing tokens. */
export const GRACE_MS = 10
/** A thread that waits looks at least this often: parameters may have changed, or others have ended. */
const WATCH_MS = 50
/**
 * Tokens of a caller whose turn depends on several reservations must stay good until this long after the last of them is due; and so long
 * may pass between what is seen of the bucket and a reservation in it.
 */
const SLACK_MS = 1
/** Not to look again before anything can have changed. */
const SHORTEST_LOOK_MS = 0.5
/** How often a line reserves in one look, where other threads are faster. */
const MOST_TRIES = 8
/** Places beyond this are beyond what can be waited for. */
const FARTHEST = 2 ** 52

/**
 * The callers of one thread that wait for one bucket, first come, first served whatever they cost. Only those that are about to be served
 * have tokens: the line holds stretches of the axis and callers take units from the front, so those with tokens are the first of the line. Lines of
 * other threads are asked whose turn it is. Nothing is used before it is produced or long after, so nobody who is late exceeds the bound.
 *
 * docs/how-it-works.md says why.
 */
export class WaitingLine {
  readonly #bucket: WaitingBucket
  readonly #isWatched: boolean
  readonly #callers = new LinkedList<Caller>()
  readonly #held = new HeldRuns()
  /** The first caller that has no tokens. */
  #uncovered: Caller | null = null
  /** Units of the callers before it. */
  #covered = 0
  /** Tokens of it and those behind. */
  #waiting = 0
  #axis: Axis | null = null
  /** As in the axis, with what this look has done. */
  #spent = 0
  #unitsPerMs = 0
  #hasRows = false
  /** Callers that came, where no others share the bucket. */
  #arrivals = 0

  /** @param isWatched - whether others may change the parameters without telling this line. Of callers who give up they never tell. */
  constructor(bucket: WaitingBucket, isWatched: boolean) {
    this.#bucket = bucket
    this.#isWatched = isWatched
  }

  get size(): number {
    return this.#callers.size
  }

  get first(): Caller | null {
    return this.#callers.first
  }

  /**
   * Puts a caller at the end of the line, or where it belongs that has a place in the order of arrival already.
   *
   * @returns whether to look now: it is the first without tokens
   */
  enter(caller: Caller): boolean {
    if (caller.place < 0) {
      caller.place = this.arrive(caller.tokens)
      this.#callers.append(caller)
      this.#uncovered ??= caller
    } else {
      let behind: Caller | null = null
      for (let before = this.#callers.last; before?.isCovered === false; before = before.previous) {
        if (tokensBetween(before.place, caller.place) <= 0) break
        behind = before
      }
      this.#callers.insert(caller, behind)
      if (this.#uncovered === behind) this.#uncovered = caller
    }
    this.#waiting += caller.tokens
    return this.#uncovered === caller
  }

  /** The next place in the order of arrival, of all threads where several share the bucket. */
  arrive(tokens: number): number {
    const shared = this.#bucket.arrive(tokens)
    this.#hasRows ||= shared >= 0
    return shared >= 0 ? shared : this.#arrivals++
  }

  /** Takes a caller out who gives up. Those behind move up at the next look. */
  leave(caller: Caller): void {
    if (this.#uncovered === caller) this.#uncovered = caller.next
    this.#callers.remove(caller)
    if (caller.isCovered) this.#covered -= caller.units
    else this.#waiting -= caller.tokens
    caller.isCovered = false
  }

  /**
   * Admits whose turn it is, and reserves for those who come next.
   *
   * @returns milliseconds until the next look; Infinity when nobody waits
   */
  look(): number {
    if (this.#hasRows) this.#bucket.beginLook()
    const admitted: Caller[] = []
    let axis = this.#survey()
    for (let tries = 1; axis.pausedMs === 0 && this.#callers.size > 0; tries++) {
      this.#admitDue(axis, admitted)
      this.#returnSurplus(axis)
      this.#cover()
      this.#admitDue(axis, admitted)
      if (this.#reserve(axis, admitted) || tries === MOST_TRIES) break
      axis = this.#survey()
    }
    const nextMs = this.#callers.size === 0 ? this.#rest(axis) : this.#tell(axis, this.#nextLookMs(axis))
    for (const caller of admitted) caller.admitted()
    return nextMs
  }

  /** Gives back what is held, as far as nobody stands behind it: the bucket is about to be changed, and the next look begins anew. */
  giveBack(): void {
    const axis = this.#survey()
    for (let caller = this.#callers.first; caller?.isCovered === true; caller = caller.next) {
      caller.isCovered = false
      this.#waiting += caller.tokens
    }
    this.#covered = 0
    this.#uncovered = this.#callers.first
    this.#returnSurplus(axis)
  }

  /** The same, and what cannot be given back is good no more. */
  letGo(): void {
    this.giveBack()
    this.#held.clear()
  }

  /** How long a newcomer would wait for `tokens`, ms: what is owed, and whoever waits before. */
  estimateMs(tokens: number): number {
    const axis = this.#bucket.survey()
    const { waiting } = this.#bucket.others(0)
    const ahead = costInUnits(tokens + waiting + Math.max(0, this.#waiting), axis.digits)
    const place = Math.max(axis.spent, axis.produced - axis.burst) + ahead
    return place > FARTHEST ? Infinity : (this.#bucket.msUntil(axis, place) ?? this.estimateMs(tokens))
  }

  /** Tokens that callers here and elsewhere have reserved beyond now. */
  owed(): number {
    const axis = this.#survey()
    return (this.#held.beyond(axis.produced) + this.#bucket.others(0).heldUnits) / pow10(axis.digits)
  }

  #survey(): Axis {
    const axis = this.#bucket.survey()
    const last = this.#axis
    this.#spent = axis.spent
    if (last?.generation === axis.generation) return (this.#axis = axis)
    if (last !== null) this.#held.moveTo(last, axis)
    this.#axis = axis
    this.#unitsPerMs = (axis.requestsPerSecond / 1000) * pow10(axis.digits)
    if (last?.digits === axis.digits) return axis
    this.#covered = 0
    for (let caller = this.#callers.first; caller?.isCovered === true; caller = caller.next) {
      this.#covered += this.#unitsOf(caller, axis)
    }
    this.#uncoverLast()
    return axis
  }

  #unitsOf(caller: Caller, { digits }: Axis): number {
    if (caller.digits !== digits) {
      caller.units = costInUnits(caller.tokens, digits)
      caller.digits = digits
    }
    return caller.units
  }

  /** How many units ago a caller's tokens may have been produced. */
  #reachOf(caller: Caller, axis: Axis): number {
    return Math.max(axis.burst, Math.floor(this.#unitsOf(caller, axis) + GRACE_MS * this.#unitsPerMs))
  }

  #admitDue(axis: Axis, admitted: Caller[]): void {
    for (let first = this.#callers.first; first !== null; first = this.#callers.first) {
      this.#held.dropBelow(axis.produced - this.#reachOf(first, axis))
      this.#uncoverLast()
      if (!first.isCovered || this.#held.endOf(first.units) > axis.produced) return
      this.#held.use(first.units)
      this.#covered -= first.units
      first.isCovered = false
      this.#callers.remove(first)
      admitted.push(first)
    }
  }

  /** What was dropped is lost to the last of those who had tokens. */
  #uncoverLast(): void {
    while (this.#covered > this.#held.total) {
      const last = this.#uncovered === null ? this.#callers.last : this.#uncovered.previous
      if (last?.isCovered !== true) return
      last.isCovered = false
      this.#covered -= last.units
      this.#waiting += last.tokens
      this.#uncovered = last
    }
  }

  /** Gives units to callers who have none, as long as what is held suffices. */
  #cover(): void {
    const axis = this.#axis as Axis
    for (let next = this.#uncovered; next !== null; next = next.next) {
      if (this.#held.total - this.#covered < this.#unitsOf(next, axis)) break
      next.isCovered = true
      this.#covered += next.units
      this.#waiting -= next.tokens
      this.#uncovered = next.next
    }
    if (this.#uncovered === null) this.#waiting = 0
  }

  /** Gives back units that no caller has, from the end. Where others stand behind they stay, for callers to come. */
  #returnSurplus(axis: Axis): void {
    for (;;) {
      const surplus = this.#held.total - this.#covered
      const last = this.#held.last
      if (surplus <= 0 || last === undefined || last.to !== this.#spent) return
      const units = Math.min(surplus, last.to - last.from)
      if (!this.#bucket.returnRun(axis, last.to, units)) return
      this.#held.shorten(units)
      this.#spent -= units
    }
  }

  /** Reserves for the callers whose turn comes within the horizon. False: others were faster, or there may be more. */
  #reserve(axis: Axis, admitted: Caller[]): boolean {
    const first = this.#uncovered
    if (first === null) return true
    const others = this.#othersOf(first)
    const reach = this.#reachOf(first, axis)
    const start = Math.max(this.#spent, axis.produced - reach)
    const horizon = HORIZON_MS * this.#unitsPerMs
    let surplus = this.#held.total - this.#covered
    let units = 0
    let limit = Infinity
    for (let caller: Caller | null = first; caller !== null; caller = caller.next) {
      // Whoever has a part of its tokens gets the rest, before that part is too old.
      const isToppedUp = caller === first && surplus > 0 && start < axis.produced + horizon
      const room = isToppedUp ? horizon : this.#roomMs(caller, first, others, axis) * this.#unitsPerMs
      const most = Math.floor(axis.produced + room) - units
      if (start > most) break
      if (caller === first && this.#callers.first === first) surplus = this.#keepGood(first, start, reach, axis)
      limit = Math.min(limit, most)
      units += Math.max(0, this.#unitsOf(caller, axis) - surplus)
      surplus = 0
    }
    if (units === 0) return true
    // Where the line is behind, the start moves on with time, which must not be taken for others that were faster: the last caller's room
    // may end with it exactly, and then nobody would ever be served.
    if (start > this.#spent) limit += Math.floor(SLACK_MS * this.#unitsPerMs)
    const from = this.#bucket.reserveRun(axis, units, reach, limit)
    if (from === null) return false
    this.#spent = from + units
    this.#held.add(from, this.#spent)
    this.#cover()
    const next = this.#uncovered
    this.#admitDue(axis, admitted)
    return this.#uncovered === next
  }

  /** Of what the first caller has already, lets go of what would be too old when the rest is due; returns what is left. */
  #keepGood(first: Caller, start: number, reach: number, axis: Axis): number {
    for (let surplus = this.#held.total; ; surplus = this.#held.total) {
      const dueAt = Math.max(start + first.units - surplus, axis.produced)
      this.#held.dropBelow(Math.ceil(dueAt + SLACK_MS * this.#unitsPerMs - reach))
      if (this.#held.total === surplus) return surplus
    }
  }

  #othersOf(caller: Caller): OtherWaiters {
    return this.#hasRows && caller.place >= 0 ? this.#bucket.others(caller.place) : NO_OTHERS
  }

  /** How many ms ahead of now a caller's tokens may begin: less, the farther it is behind the first of another thread. */
  #roomMs(caller: Caller, first: Caller, others: OtherWaiters, axis: Axis): number {
    if (others.first === Infinity) return HORIZON_MS
    const behind = tokensBetween(caller.place, first.place) - others.first
    if (behind <= 0) return HORIZON_MS
    const floor = Math.min(WATCH_MS, this.#reachOf(caller, axis) / (2 * this.#unitsPerMs))
    return Math.max(-floor, HORIZON_MS - (1000 * behind) / axis.requestsPerSecond)
  }

  #nextLookMs(axis: Axis): number {
    if (axis.pausedMs > 0) return axis.pausedMs
    let nextMs = this.#isWatched || this.#hasRows ? WATCH_MS : Infinity
    const first = this.#callers.first as Caller
    if (first.isCovered) {
      nextMs = Math.min(nextMs, this.#bucket.msUntil(axis, this.#held.endOf(first.units)) ?? SHORTEST_LOOK_MS)
    }
    const uncovered = this.#uncovered
    if (uncovered !== null) {
      const others = this.#othersOf(uncovered)
      nextMs = Math.min(nextMs, Math.max(this.#opensMs(uncovered, others, axis), SHORTEST_LOOK_MS))
      if (others.isAnyLate) this.#bucket.buryDead()
    }
    return nextMs
  }

  /** How long until the first caller without tokens may reserve, ms. */
  #opensMs(first: Caller, others: OtherWaiters, axis: Axis): number {
    // Whoever has a part of its tokens is there at once when it may have the rest: the part grows old.
    const hasPart = this.#held.total > this.#covered
    const roomMs = hasPart ? HORIZON_MS : this.#roomMs(first, first, others, axis)
    const begins = Math.max(this.#spent, axis.produced - axis.burst)
    const room = Math.floor((roomMs > 0 && !hasPart ? roomMs / 2 : roomMs) * this.#unitsPerMs)
    const opensMs = this.#bucket.msUntil(axis, begins - room) ?? SHORTEST_LOOK_MS
    return roomMs < 0 ? Math.max(opensMs, (-1000 * others.first) / axis.requestsPerSecond - HORIZON_MS) : opensMs
  }

  #tell(axis: Axis, nextMs: number): number {
    if (!this.#hasRows) return nextMs
    const last = this.#held.last
    this.#bucket.publish(
      axis,
      this.#uncovered?.place ?? -1,
      this.#waiting,
      Math.max(nextMs, axis.pausedMs),
      last?.to ?? 0,
      last === undefined ? 0 : last.to - last.from,
    )
    return nextMs
  }

  #rest(axis: Axis): number {
    this.#covered = 0
    this.#waiting = 0
    this.#returnSurplus(axis)
    this.#held.clear()
    if (this.#hasRows) this.#bucket.leave()
    return Infinity
  }
}
