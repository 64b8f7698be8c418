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
  /** Whether they were taken at this moment after all, not reserved; and whether they have gone back. */
  isOfNow: boolean
  isBack: boolean
}

/**
 * How long tokens keep that wait for those of other limits, ms; as in the bound: until the bucket could be so full that with them it were more
 * than the burst.
 *
 * @param available - what the bucket holds besides them, callers that wait included; if that is too much, the time is below 0
 */
export function keepsMs({ part, tokens }: Charge, available = 0): number {
  const { requestsPerSecond, burstSize } = part.bucket.parameters()
  return Math.max((1000 * (burstSize - tokens)) / requestsPerSecond, GRACE_MS) - (1000 * available) / requestsPerSecond
}

/** How long until a charge that is reserved now could be had, ms, regardless of callers that wait. */
export function leadMs({ part: { future }, tokens }: Charge): number {
  const axis = future.survey()
  const place = Math.max(axis.spent, axis.produced - axis.burst) + costInUnits(tokens, axis.digits)
  return future.msUntil(axis, place) ?? 0
}

/**
 * Has the tokens of all limits come at the same time, by reservations: for a caller whose turn it has been in all of them, while tokens of one never
 * kept until those of another were there. The slowest limit is reserved first, each of the others as late as may be; what it
 * produces between its reservation and its tokens, at most as much again as they are, is lost.
 *
 * @returns whether they are the caller's; false: something has changed meanwhile, and what was reserved has gone back
 */
export async function takeTogether(charges: readonly Charge[], signal: AbortSignal | undefined): Promise<boolean> {
  const { clock } = (charges[0] as Charge).part
  // Times of one clock mean nothing on another.
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

/** Reserves a charge so that its tokens come with those that are reserved already, or a little before; null if that cannot be. */
async function reserveLate(
  charge: Charge,
  reserved: readonly Reserved[],
  signal: AbortSignal | undefined,
): Promise<Reserved | null> {
  const { part, tokens } = charge
  const { future, clock } = part
  const gapMs = (): number => (reserved.length === 0 ? 0 : restOf(reserved) - leadMs(charge) - keepsMs(charge) / 2)
  const msFor = (some: number): number => (1000 * some) / part.bucket.parameters().requestsPerSecond
  // Others move the axis on in steps; to wait until nothing is between would be to come too late with the next step.
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

/** Lets time pass, and no more than until what others change is to be heard of. */
function pass(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(clock, Math.min(ms, WATCH_MS), signal)
}

/** How long until all are there, ms. */
function restOf(reserved: readonly Reserved[]): number {
  return Math.max(...reserved.map((each) => standingOf(each).restMs))
}

/** How long until tokens are there, ms, and whether they are not too old. Changes, pauses and refunds move them. */
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

/** Takes tokens of now in the place of a reservation that is too old: it is so because the bucket has more. */
function takeAnew(each: Reserved): boolean {
  putBack(each)
  const { bucket } = each.charge.part
  each.isBack = bucket.tryAcquire(each.charge.tokens) !== OUTCOME.granted
  each.isOfNow = !each.isBack
  return each.isOfNow
}

/** Tokens that others have reserved behind cannot go back: they would be granted twice. */
function putBack(each: Reserved): void {
  const { charge, future, ticket, isBack, isOfNow } = each
  if (isBack) return
  each.isBack = true
  if (isOfNow) giveBack(charge.part, charge.tokens)
  else if (future.cancel(ticket, charge.tokens) > 0) charge.part.returned()
}
