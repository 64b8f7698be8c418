import type { Clock } from '../internal/time/clock.js'
import { sleep } from '../internal/time/sleep.js'
import type { Ticket } from '../memory/bucket/waiters.js'
import { OUTCOME } from '../memory/bucket/bucket.js'
import { costInUnits, pow10 } from '../memory/shared/rate.js'
import { type Charge, type Future, giveBack } from './charges.js'
import { GRACE_MS, WATCH_MS } from './waiting/turn.js'

/** Tokens reserved for a charge. */
interface Reserved {
  readonly charge: Charge
  readonly future: Future
  ticket: Ticket
  /** Whether they were taken from the bucket as it is now, not reserved; and whether they have gone back. */
  isOfNow: boolean
  isBack: boolean
}

/**
 * How long tokens stay good while they wait for those of other limits, ms. The bound demands it: once the bucket may be so full that these
 * tokens would exceed the burst, they are too old.
 *
 * @param available - other tokens in the bucket, including those of callers that wait; if they are too many, the time is below 0
 */
export function keepsMs({ part, tokens }: Charge, available = 0): number {
  const { requestsPerSecond, burstSize } = part.bucket.parameters()
  return Math.max((1000 * (burstSize - tokens)) / requestsPerSecond, GRACE_MS) - (1000 * available) / requestsPerSecond
}

/** How long until the tokens of a charge reserved now are there, ms, regardless of callers that wait. */
export function leadMs({ part: { future }, tokens }: Charge): number {
  const axis = future.survey()
  const place = Math.max(axis.spent, axis.produced - axis.burst) + costInUnits(tokens, axis.digits)
  return future.msUntil(axis, place) ?? 0
}

/**
 * Makes the tokens of all limits come at the same time, by reservations. It is for a caller that has had its turn in several limits, but
 * whose tokens of one got too old before those of another came. The slowest limit is reserved first, and each other one as late as
 * possible. Of each other limit, up to as many tokens again as its charge may be lost.
 *
 * @returns whether the caller has the tokens; false if something has changed meanwhile, and the reservations have gone back
 */
export async function takeTogether(charges: readonly Charge[], signal: AbortSignal | undefined): Promise<boolean> {
  const { clock } = (charges[0] as Charge).part
  // A time on one clock means nothing on another.
  if (charges.some(({ part }) => part.clock !== clock)) return false
  const reserved: Reserved[] = []
  let isTaken = false
  try {
    const slowestFirst = charges.map((charge) => ({ charge, ms: leadMs(charge) })).sort((a, b) => b.ms - a.ms)
    for (const { charge } of slowestFirst) {
      const at = await reserveLate(charge, reserved, signal)
      if (at === null) return false
      reserved.push(at)
    }
    for (let restMs = restOf(reserved); restMs > 0; restMs = restOf(reserved)) await pass(clock, restMs, signal)
    for (const { part } of charges) part.checkUsable()
    return (isTaken = reserved.every((each) => isGood(each) || takeAnew(each)))
  } finally {
    for (const each of reserved) {
      if (isTaken) each.future.release?.(each.ticket)
      else putBack(each)
    }
  }
}

/** Reserves a charge so that its tokens come with those already reserved, or a little before; null if it cannot. */
async function reserveLate(
  charge: Charge,
  reserved: readonly Reserved[],
  signal: AbortSignal | undefined,
): Promise<Reserved | null> {
  const { part, tokens } = charge
  const { future, clock } = part
  const gapMs = (): number => (reserved.length === 0 ? 0 : restOf(reserved) - leadMs(charge) - keepsMs(charge) / 2)
  const msFor = (some: number): number => (1000 * some) / part.bucket.parameters().requestsPerSecond
  // Other callers advance the axis in steps: waiting until there is no gap would mean being too late after the next step.
  for (let restMs = gapMs() - msFor(tokens); restMs > 0; restMs = gapMs() - msFor(tokens)) {
    await pass(clock, restMs, signal)
    part.checkUsable()
  }
  const between = gapMs() / msFor(1)
  if (between > 0) {
    const lost = future.reserve(Math.min(between, tokens), Infinity)
    future.release?.(lost.ticket)
  }
  const { outcome, ticket } = future.reserve(tokens, Infinity)
  return outcome === OUTCOME.granted ? { charge, future, ticket, isOfNow: false, isBack: false } : null
}

/** Lets time pass, but not longer than changes by others may go unnoticed. */
function pass(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(clock, Math.min(ms, WATCH_MS), signal)
}

/** How long until the tokens of all reservations are there, ms. */
function restOf(reserved: readonly Reserved[]): number {
  return Math.max(...reserved.map((each) => standingOf(each).restMs))
}

/** How long until the reserved tokens are there, ms, and whether they are not too old. Changes, pauses and refunds move them. */
function standingOf(each: Reserved): { restMs: number; isGood: boolean } {
  const { charge, future } = each
  const axis = future.survey()
  const end = future.endOf(each.ticket, axis)
  const restMs = end === null ? null : future.msUntil(axis, end)
  if (end === null || restMs === null) {
    each.ticket = future.renew(each.ticket)
    return standingOf(each)
  }
  const keeps = (keepsMs(charge) / 1000) * axis.requestsPerSecond * pow10(axis.digits)
  return { restMs, isGood: axis.produced - end <= keeps }
}

const isGood = (each: Reserved): boolean => standingOf(each).isGood

/** Replaces a reservation that is too old by tokens of now: if it is too old, the bucket has others. */
function takeAnew(each: Reserved): boolean {
  putBack(each)
  const { bucket } = each.charge.part
  each.isBack = bucket.tryAcquire(each.charge.tokens) !== OUTCOME.granted
  each.isOfNow = !each.isBack
  return each.isOfNow
}

/** Puts tokens back. Reserved tokens cannot go back once others have reserved after them: they would be granted twice. */
function putBack(each: Reserved): void {
  const { charge, future, ticket, isBack, isOfNow } = each
  if (isBack) return
  each.isBack = true
  if (isOfNow) giveBack(charge.part, charge.tokens)
  else if (future.cancel(ticket, charge.tokens) > 0) charge.part.returned()
}
