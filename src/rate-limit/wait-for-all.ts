import { throwIfAborted } from '../internal/signal-watch.js'
import { OUTCOME } from '../memory/bucket/bucket.js'
import { type Charge, giveBack, type LimitPart } from './charges.js'
import { keepsMs, leadMs, takeTogether } from './take-together.js'

/**
 * Waits in one limit at a time, first in the one with the longest wait. When the caller's turn has come there, it takes the others. If one
 * of them lacks tokens, the caller waits there next, at its place of arrival. It keeps tokens that will stay good until then, and gives
 * others back. If it has to give tokens back a second time, tokens of all limits are reserved for one moment.
 */
export async function waitForAll(
  charges: readonly Charge[],
  waits: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const places = charges.map(({ part, tokens }) => part.arrive(tokens))
  /** The time until which the held tokens are good; -Infinity if none are held. */
  const taken = charges.map(() => -Infinity)
  const putBack = (charge: Charge, index: number): void => {
    if (mayGoBack(charge.part, taken[index] as number)) giveBack(charge.part, charge.tokens)
    taken[index] = -Infinity
  }
  let scarce = waits.indexOf(Math.max(...waits))
  let hadTurns = 0
  try {
    for (;;) {
      const { part, tokens } = charges[scarce] as Charge
      await part.wait(tokens, places[scarce] as number, waits[scarce] as number, signal)
      taken[scarce] = goodUntilMs(charges[scarce] as Charge)
      // A limit that was disposed cannot refuse a caller that is not in its queue.
      for (const charge of charges) charge.part.checkUsable()
      scarce = charges.findIndex((charge, index) => {
        const nowMs = charge.part.clock.now()
        if ((taken[index] as number) >= nowMs && goodUntilMs(charge) >= nowMs && !isPaused(charge)) return false
        putBack(charge, index)
        if (charge.part.bucket.tryAcquire(charge.tokens) !== OUTCOME.granted) return true
        taken[index] = goodUntilMs(charge)
        return false
      })
      if (scarce < 0) return
      // No queue notices an abort that happened after the turn had come.
      throwIfAborted(signal)
      const leastMs = leadMs(charges[scarce] as Charge)
      const isShort = ({ part }: Charge, index: number): boolean =>
        isHeldShort(part.clock.now(), taken[index] as number, leastMs)
      if (!charges.some(isShort)) continue
      charges.forEach((charge, index) => {
        if (isShort(charge, index)) putBack(charge, index)
      })
      if (++hadTurns < 2) continue
      charges.forEach(putBack)
      if (await takeTogether(charges, signal)) return
    }
  } catch (error) {
    charges.forEach(putBack)
    throw error
  }
}

/** The time until which taken tokens are good, if none come back meanwhile. Other waiting callers will also use the tokens they hold. */
function goodUntilMs(charge: Charge): number {
  return charge.part.clock.now() + keepsMs(charge, charge.part.spare())
}

/** Whether tokens that are good until `untilMs` may go back. */
function mayGoBack(part: LimitPart, untilMs: number): boolean {
  return untilMs >= part.clock.now() && part.mayGiveBack()
}

/** Whether the limit is paused. Until that ends no tokens are used, not even those taken before. */
function isPaused({ part: { future } }: Charge): boolean {
  return future.survey().pausedMs > 0
}

/** Whether held tokens will get too old within `ms`. */
function isHeldShort(nowMs: number, untilMs: number, ms: number): boolean {
  return untilMs >= nowMs && untilMs < nowMs + ms
}
