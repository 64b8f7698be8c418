import { NO_OTHERS, type OtherWaiters, type WaitingBucket } from '../../../dist/memory/bucket/waiters.js'
import type { Axis } from '../../../dist/memory/shared/axis.js'
import { Caller } from '../../../dist/rate-limit/waiting/caller.js'
import { WaitingLine } from '../../../dist/rate-limit/waiting/waiting-line.js'

/**
 * A bucket of 1000 tokens a second, of one unit each: places are milliseconds. It notes what a line asks of it. Of the lines of other threads it
 * says what a test says.
 */
class ScriptedBucket implements WaitingBucket {
  axis: Axis = {
    generation: 1,
    digits: 0,
    produced: 1000,
    spent: 1000,
    burst: 100,
    pausedMs: 0,
    requestsPerSecond: 1000,
    burstSize: 100,
    baseHigh: 0,
    baseLow: 0,
  }
  /** Of the first place in the order of arrival. */
  seen: OtherWaiters = NO_OTHERS
  /** The next place in the order of arrival; -1 without rows. Places are thousandths of tokens. */
  arrivals = -1
  /** Whether something has changed since the survey, so that it refuses. */
  refuses = (): boolean => false
  /** Whether the parameters have. */
  isChanged = false
  surveys = 0
  readonly reserved: [units: number, reach: number, limit: number][] = []
  readonly returned: [end: number, units: number][] = []
  readonly told: unknown[][] = []
  readonly done: string[] = []

  set(axis: Partial<Axis>): void {
    this.axis = { ...this.axis, ...axis }
  }
  beginLook(): void {
    this.done.push('beginLook')
  }
  survey(): Axis {
    this.surveys++
    return this.axis
  }
  reserveRun(_: Axis, units: number, reach: number, limit: number): number | null {
    const { produced, spent } = this.axis
    this.reserved.push([units, reach, limit])
    const from = Math.max(spent, produced - reach)
    if (this.refuses() || from > limit) return null
    this.set({ spent: from + units })
    return from
  }
  returnRun(_: Axis, end: number, units: number): boolean {
    this.returned.push([end, units])
    if (this.axis.spent !== end || this.refuses()) return false
    this.set({ spent: end - units })
    return true
  }
  msUntil({ produced }: Axis, place: number): number | null {
    return this.isChanged ? null : Math.max(0, place - produced)
  }
  arrive(tokens: number): number {
    if (this.arrivals < 0) return -1
    this.arrivals += 1000 * tokens
    return this.arrivals - 1000 * tokens
  }
  others(place: number): OtherWaiters {
    return { ...this.seen, first: this.seen.first - place / 1000 }
  }
  publish(_: Axis, ...told: unknown[]): void {
    this.told.push(told)
  }
  leave(): void {
    this.done.push('leave')
  }
  buryDead(): void {
    this.done.push('buryDead')
  }
}

/** A line for such a bucket, and callers that note when they are admitted. */
export function lineOf({
  isShared = false,
  isWatched = false,
  ...axis
}: Partial<Axis & Record<'isShared' | 'isWatched', boolean>> = {}) {
  const bucket = new ScriptedBucket()
  bucket.set(axis)
  if (isShared) bucket.arrivals = 0
  const line = new WaitingLine(bucket, isWatched)
  const admitted: string[] = []
  class Named extends Caller {
    constructor(
      readonly name: string,
      tokens: number,
    ) {
      super(tokens)
    }
    admitted(): void {
      admitted.push(this.name)
    }
    refuse(): void {}
  }
  const callerOf = (name: string, tokens = 1, place = -1): Caller => Object.assign(new Named(name, tokens), { place })
  const comes = (name: string, tokens?: number): Caller => {
    const caller = callerOf(name, tokens)
    line.enter(caller)
    return caller
  }
  return { bucket, line, admitted, comes, callerOf }
}
