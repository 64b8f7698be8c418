import type { Reservation } from './limiter-types.js'

/** Of a dry run that found no tokens: nothing was reserved. */
export const NOTHING_RESERVED: Reservation = { waitMs: 0, cancel: () => 0 }

/** A reservation that is given back by `giveBack`, once. */
export function reservationOf(waitMs: number, giveBack: () => number): Reservation {
  let cancelled = false
  return {
    waitMs,
    cancel() {
      if (cancelled) return 0
      cancelled = true
      return giveBack()
    },
  }
}
