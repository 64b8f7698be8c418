import { OUTCOME } from '../memory/bucket/core.js'
import { type Charge, giveBack } from './charges.js'
import { keepsMs, leadMs, takeTogether } from './take-together.js'

/**
 * Waits in one limit at a time, at first the one with the longest wait, and takes the others when its turn has come there. Where one of them lacks
 * tokens the caller goes on to wait there, at the place where it came, and keeps what it has for as long as tokens keep. Where they would not keep
 * so long a second time, its turn has been in both, and tokens of all are reserved for one moment.
 */
export async function waitForAll(
  charges: readonly Charge[],
  waits: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const places = charges.map(({ part, tokens }) => part.arrive(tokens))
  /** Until when what was taken is good. */
  const taken = charges.map(() => -Infinity)
  const giveAllBack = (): void => {
    for (const [index, { part, tokens }] of charges.entries()) {
      if ((taken[index] as number) >= part.clock.now()) giveBack(part, tokens)
      taken[index] = -Infinity
    }
  }
  let scarce = waits.indexOf(Math.max(...waits))
  let hadTurns = 0
  try {
    for (;;) {
      const { part, tokens } = charges[scarce] as Charge
      await part.wait(tokens, places[scarce] as number, waits[scarce] as number, signal)
      taken[scarce] = part.clock.now() + keepsMs(charges[scarce] as Charge)
      // A limit in whose queue the caller was not yet could not tell it.
      for (const charge of charges) charge.part.checkUsable()
      scarce = charges.findIndex((charge, index) => {
        const nowMs = charge.part.clock.now()
        if ((taken[index] as number) >= nowMs) {
          if (!isPaused(charge)) return false
          giveBack(charge.part, charge.tokens)
        }
        taken[index] = -Infinity
        if (charge.part.bucket.tryAcquire(charge.tokens) !== OUTCOME.granted) return true
        taken[index] = nowMs + keepsMs(charge)
        return false
      })
      if (scarce < 0) return
      // Aborted since its turn came: no queue would hear of it any more.
      signal?.throwIfAborted()
      if (willKeep(charges, taken, scarce) || ++hadTurns < 2) continue
      giveAllBack()
      if (await takeTogether(charges, signal)) return
    }
  } catch (error) {
    giveAllBack()
    throw error
  }
}

/** Until a pause ends nothing is used, also what was taken before. */
function isPaused({ part: { future } }: Charge): boolean {
  return future !== null && future.survey().pausedMs > 0
}

/** Whether all that was taken is still good when the tokens of the one that lacks them are there. */
function willKeep(charges: readonly Charge[], taken: readonly number[], lacking: number): boolean {
  const ms = leadMs(charges[lacking] as Charge)
  return charges.every(({ part }, index) => {
    const goodUntilMs = taken[index] as number
    const nowMs = part.clock.now()
    return goodUntilMs < nowMs || goodUntilMs >= nowMs + ms
  })
}
