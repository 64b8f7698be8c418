import { throwIfAborted } from '../internal/signal-watch.js'
import { OUTCOME } from '../memory/bucket/bucket.js'
import { type Charge, giveBack, type LimitPart } from './charges.js'
import { keepsMs, leadMs, takeTogether } from './take-together.js'

/**
 * Waits in one limit at a time, at first the one with the longest wait, and takes the others when its turn has come there. If one of them lacks
 * tokens the caller continues to wait there, at the place of its arrival. It keeps tokens that will be good until then; others go back at
 * once. If that happens a second time its turn has been in both, and tokens of all are reserved for one moment.
 */
export async function waitForAll(
  charges: readonly Charge[],
  waits: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const places = charges.map(({ part, tokens }) => part.arrive(tokens))
  /** Until when the held tokens are good; -Infinity if none are held. */
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
      // A limit in whose queue the caller was not yet could not tell it.
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
      // Aborted since its turn came: no queue would notice it any more.
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

/** Until when what has been taken is good, if nothing comes back meanwhile. Tokens that other waiting callers hold will be used as well. */
function goodUntilMs(charge: Charge): number {
  return charge.part.clock.now() + keepsMs(charge, charge.part.spare())
}

/** Whether what is held until `untilMs` may go back. */
function mayGoBack(part: LimitPart, untilMs: number): boolean {
  return untilMs >= part.clock.now() && part.mayGiveBack()
}

/** Until a pause ends nothing is used, also what was taken before. */
function isPaused({ part: { future } }: Charge): boolean {
  return future.survey().pausedMs > 0
}

/** Whether what is held will not keep for so long. */
function isHeldShort(nowMs: number, untilMs: number, ms: number): boolean {
  return untilMs >= nowMs && untilMs < nowMs + ms
}
