import { OUTCOME } from '../../dist/memory/bucket/bucket.js'
import { keyedTables } from '../../dist/memory/keyed/index.js'
import { costInUnits } from '../../dist/memory/shared/rate.js'
import type { MakeLimit } from './bucket-bound-properties.js'
import { HandClock } from './bucket-support.js'

/** A run of a key's axis, as a line of callers holds it. */
interface HeldRun {
  readonly end: number
  readonly units: number
}

/** The bucket of one key as a limit: a reservation is a run that is taken whatever its start, and goes back if it is the last. */
export const limitOfKey: MakeLimit = (rate, burst) => {
  const clock = new HandClock()
  const table = keyedTables.create({ rate, burst, capacity: 4, evicts: true }, clock).subject
  return {
    limit: {
      tryAcquire: (tokens) => table.tryAcquire('key', tokens),
      reserve: (tokens) => {
        const axis = table.survey('key', 0)
        const units = Math.min(costInUnits(tokens, axis.digits), axis.burst)
        const start = table.reserveRun('key', axis, units, 0, Number.MAX_SAFE_INTEGER)
        if (start === null) return { outcome: OUTCOME.denied, ticket: { waitMs: Infinity, at: null } }
        const run: HeldRun = { end: start + units, units }
        return { outcome: OUTCOME.granted, ticket: { waitMs: table.msUntil(axis, run.end), at: run } }
      },
      cancel: ({ at }, tokens) => {
        const { end, units } = at as HeldRun
        return table.returnRun('key', table.survey('key', 0), end, units) ? tokens : 0
      },
    },
    clock,
    unit: 10 ** -table.survey('key', 0).digits,
  }
}
